// Autocast: the precision of matrix products.
//
//   {
//     const Autocast half(DType::bf16);
//     y = linear(x, weight, bias);  // bf16 products, fp32 sums, y in fp32
//   }
//
// While an Autocast to bf16 lives on this thread, `linear` rounds x and the weight to bf16 for its
// three products (y, dx, dW) and adds up in fp32. Weights and their gradients stay fp32, as does y;
// what is saved for the backward pass is the bf16 copy, half the memory. The policy is the one at
// the time of the forward call; a backward pass may run outside the guard.
//
// Everything else (norms, states, scans, losses, `matmul`) keeps the dtype it is given. Arguments
// in f64 are never rounded, so that a gradient check means the same under any policy.
#pragma once

#include "core/dtype.h"

namespace lw {

class Autocast {
 public:
  /// `precision` is f32 (products as the arguments are) or bf16. Throws Error for another dtype.
  explicit Autocast(DType precision);
  ~Autocast();
  Autocast(const Autocast&) = delete;

  static DType current();  ///< f32 outside any guard

 private:
  DType before_;
};

}  // namespace lw
