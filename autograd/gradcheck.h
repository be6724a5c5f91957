// check_gradients: compares the gradients of any function of Variables with central differences.
#pragma once

#include <functional>

#include "autograd/variable.h"

namespace lw {

struct GradientCheck {
  double step = 1e-5;       ///< of the central difference
  double tolerance = 1e-7;  ///< on |analytic - numeric| / max(1, |analytic|, |numeric|)
  int directions = 2;       ///< random directions for each input
  uint64_t seed = 0;
};

/// Compares the gradients of f at `inputs` with central differences, in float64 (complex inputs in
/// c128).
///
/// For each floating or complex input x it draws random directions v and random weightings w of the
/// outputs, and requires
///
///     < (df/dx)^T w, v >  =  d/de < f(x + e v), w >   at e = 0.
///
/// One direction costs two evaluations whatever the size of x. An error in a few entries of a large
/// x can hide below the tolerance: use small sizes. Integer inputs and undefined ones are passed on
/// unchanged. Inputs are converted to f64 / c128 first. Returns the largest error found. Throws
/// Error naming the input that disagrees, with both values.
double check_gradients(const std::function<Variables(const Variables&)>& f, const Tensors& inputs,
                       const GradientCheck& options = {});

/// The same for a function of one output.
double check_gradients(const std::function<Variable(const Variables&)>& f, const Tensors& inputs,
                       const GradientCheck& options = {});

}  // namespace lw
