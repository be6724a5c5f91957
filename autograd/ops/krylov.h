// krylov: what a state-space model puts out after one input of 1, the kernel of its convolution.
//
//   K_l = C A^l B          l = 0 ... time - 1
//
// of a system that is sampled already. By small and large steps: with r a power of two near sqrt(time), r readouts
// C A^i, i < r, by doubling, which also gives A^r; and x_j = A^{rj} B by its recurrence, so that
// K_{rj+i} = (C A^i) x_j. Dense powers of A are thus formed log2 r times only, and of the Krylov matrix [B, A B,
// ...] time / r columns.
// Shapes: A [channel, N, N]; B [channel, N]; C [channel, output, N]; K [channel, output, time]. dtypes: f32, f64.
// Cost: 2 N^3 log2 r + 2 N^2 (time / r + 2 output r) operations a channel, three times that for the gradient, which saves
// N^2 log2 r numbers a channel.
// Deterministic. Errors: shapes that disagree, by ShapeCheck; time below 1.
// Reference: Gu et al. 2021, arXiv:2110.13985, appendix D (Krylov functions, by doubling alone).
#pragma once

#include "autograd/variable.h"

namespace lw {

Variable krylov(const Variable& A, const Variable& B, const Variable& C, int64_t time);

}  // namespace lw
