// Softmax cross-entropy of class labels.
//
//   loss = 1/divisor sum_i l_i,   l_i = (1 - s) (-log p_i[target_i]) + s mean_j(-log p_i[j]),
//   p_i = softmax(logits_i),      l_i = 0 where target_i = ignore_index;   s: label smoothing
//
// Shapes: logits [rows, classes], may be pitched; targets i64 [rows], in range (the caller checks);
// loss: a scalar; saved [rows, 2]. logits, loss and saved share one dtype, f32 or f64; with logits in bf16 loss and saved
// are f32, all sums too, and dlogits is bf16.
// Cost: forward and backward read the logits once from memory, and backward writes dlogits; one exp
// for each element and pass. No probability is ever stored.
// Deterministic: rows are independent, their losses are added in order, in fp64.
// Gradient derived in README.md.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

/// What the loss of such logits is computed in.
inline DType loss_dtype(DType logits) { return logits == DType::bf16 ? DType::f32 : logits; }

/// Calls f with a tag of the logits' type.
template <class F>
void for_logits(DType dtype, F&& f) {
  dtype == DType::bf16 ? f(TypeTag<bfloat16>()) : for_float("cross_entropy", dtype, f);
}

struct CrossEntropy {
  Tensor logits;
  Tensor targets;
  int64_t ignore_index = -100;
  double label_smoothing = 0;
  double divisor = 1;
};

/// `saved` holds for each row the largest logit m and 1 / sum_j exp(logit_j - m).
inline Kernel<void(const CrossEntropy& in, Tensor& loss, Tensor& saved)> cross_entropy_forward{
    "cross_entropy_forward"};

/// dy, a scalar, is the gradient of the loss. dlogits may be in.logits itself: the gradient takes their place.
inline Kernel<void(const CrossEntropy& in, const Tensor& saved, const Tensor& dy, Tensor& dlogits)>
    cross_entropy_backward{"cross_entropy_backward"};

}  // namespace lw::kernels
