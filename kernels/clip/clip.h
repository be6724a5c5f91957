// The norm of all gradients, and the factor that brings it within a limit.
//
//   norm  = |mean| sqrt(sum_i g_i^2)
//   scale = mean min(1, clip_norm / (norm + 1e-6)),      mean without a clip_norm
//
// The scale is NaN where the norm or a loss is not finite: the update that is given it changes nothing.
// Shapes: g contiguous, f32 or f64; mean f64, a scalar; losses f64 [n], or none; outcome f64 [3]: norm, scale, and the
// sum of the losses. The norm is finite exactly if every gradient is (in f64: if every one is below 1e154).
// Cost: reads g; bound by memory. Sums in f64. Deterministic on any number of threads.
#pragma once

#include <cmath>
#include <limits>

#include "core/host_device.h"
#include "core/kernel.h"

namespace lw::kernels {

struct Clip {
  Tensor gradients;
  Tensor mean;           ///< multiplies the gradients: 1 over the number of targets
  Tensor losses;         ///< undefined: none
  double clip_norm = 0;  ///< 0: no limit
};

inline constexpr int clip_outcomes = 3;
inline Kernel<void(const Clip& in, Tensor& outcome)> clip{"clip"};

/// Refuses tensors that do not fit.
inline void check_clip(const Clip& in, const Tensor& outcome) {
  check(in.gradients.is_contiguous(), "clip: expected contiguous gradients, received ",
        in.gradients);
  check(in.mean && in.mean.dtype() == DType::f64 && in.mean.numel() == 1, "clip: the mean is ",
        in.mean, ", expected one number of f64");
  check(!in.losses || (in.losses.dtype() == DType::f64 && in.losses.is_contiguous()),
        "clip: the losses are ", in.losses, ", expected f64 without gaps");
  check(outcome.dtype() == DType::f64 && outcome.shape() == Shape{clip_outcomes},
        "clip: the outcome is ", outcome, ", expected f64 [", clip_outcomes, "]");
}

/// The outcome, from the sum of squares.
LW_HOST_DEVICE inline void finish_clip(double square_sum, double mean, double clip_norm,
                                       const double* losses, int64_t count, double* outcome) {
  double loss = 0;
  for (int64_t i = 0; i < count; ++i) loss += losses[i];
  const double norm = std::sqrt(square_sum) * mean;
  double factor = 1;
  if (clip_norm > 0 && clip_norm / (norm + 1e-6) < 1) factor = clip_norm / (norm + 1e-6);
  const bool finite = std::isfinite(norm) && std::isfinite(loss);
  outcome[0] = norm;
  outcome[1] = finite ? mean * factor : std::numeric_limits<double>::quiet_NaN();
  outcome[2] = loss;
}

}  // namespace lw::kernels
