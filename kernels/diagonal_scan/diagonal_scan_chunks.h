// diagonal_scan in chunks of 16 steps, by matrix products, on a GPU: for long regular sequences. See README.md, "In
// chunks". Internal.
#pragma once

#include "kernels/diagonal_scan/diagonal_scan.h"

namespace lw::kernels {

/// From which length on this thread's GPU computes so: it does not where its blocks have too little shared memory.
int64_t shortest_scan_in_chunks(DType dtype);

void diagonal_scan_forward_in_chunks(const DiagonalScan& in, Tensor& y, Tensor& state);
void diagonal_scan_backward_in_chunks(const DiagonalScan& in, const Tensor& dy,
                                      const Tensor& dstate, DiagonalScanGradients& out);

}  // namespace lw::kernels
