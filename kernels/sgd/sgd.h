// The parameter update of gradient descent with momentum; the equations stand in README.md.
//
// Shapes: g, p, b are contiguous and of one size; b is undefined without momentum. f32 or f64, the
// same for all.
// Cost: reads three arrays, writes two; bound by memory. Deterministic on any number of threads.
#pragma once

#include "core/kernel.h"
#include "kernels/update.h"

namespace lw::kernels {

struct SgdUpdate {
  double momentum = 0;
  bool nesterov = false;
};

/// A row of UpdateNumbers::factors: the weight decay and the learning rate.
inline constexpr int sgd_factors = 2;

inline Kernel<void(const Tensor& g, const SgdUpdate&, const UpdateNumbers&, Tensor& p, Tensor& b)>
    sgd{"sgd"};

/// Refuses tensors that do not fit each other, and a momentum without its buffer.
inline void check_sgd(const Tensor& g, const SgdUpdate& u, const UpdateNumbers& numbers,
                      const Tensor& p, const Tensor& b) {
  check(p.numel() == g.numel() && g.is_contiguous() && p.is_contiguous(),
        "sgd: expected contiguous tensors of one size, received ", g, " and ", p);
  check(b.defined() == (u.momentum != 0) &&
            (!b.defined() || (b.numel() == g.numel() && b.is_contiguous())),
        "sgd: with momentum ", u.momentum, " the momentum buffer is ", b, ", the gradient ", g);
  check_update("sgd", numbers, g.numel(), sgd_factors);
}

}  // namespace lw::kernels
