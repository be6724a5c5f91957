// The loss of a language model without its logits: a linear map and the cross-entropy of what it gives, a chunk of rows
// at a time.
//
//   loss = cross_entropy(linear(x, weight, bias), targets, options)
//
// Of the logits, [rows, classes], one chunk is in memory: its loss is taken, then its gradient in its place, and from that
// the gradients of x, weight and bias, all before the next chunk. So the gradients are there when the loss is, for a
// gradient of 1 of the loss itself; the backward pass multiplies them by the one it is given.
// Shapes: x [..., in], may be pitched; weight [classes, in]; bias [classes] or undefined; targets i64 [...]; loss: a scalar.
// dtypes: f32 or f64, one for all arguments, and the loss has the same. Under Autocast(DType::bf16) the products are of
// bf16 values with fp32 sums and the logits and their gradient are bf16 (those of `linear` are f32); weight, bias, their
// gradients and the loss remain f32, and x may be f32 or bf16 (its gradient has its dtype).
// Cost: forward, three products of 2 rows in classes operations and two exp for each logit where a gradient will be asked
// for, one product and one exp where not (under NoGrad, or if no argument requires one); backward, a pass over the
// gradients, which the CPU spares where the gradient of the loss is 1. Memory: a chunk of logits and the gradients.
// Deterministic: chunks are chosen by the sizes, on a GPU larger ones than on the CPU, and added in order. The host waits
// for nothing that cross_entropy would not have it wait for.
// Errors: those of linear and cross_entropy.
#pragma once

#include "autograd/ops/cross_entropy.h"

namespace lw {

/// Of the logits, at most `chunk` rows are in memory; 0: as many as suit the sizes.
Variable linear_cross_entropy(const Variable& x, const Variable& weight, const Variable& bias,
                              const Tensor& targets, const CrossEntropyOptions& options = {},
                              int64_t chunk = 0);

}  // namespace lw
