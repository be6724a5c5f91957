// Dropout: within Training, elements are set to 0 with probability `rate` and the others divided by
// 1 - rate; outside, the identity.
//
//   dropout(x, rate, random)          each element by itself
//   dropout(x, rate, random, true)    one mask a sample and channel, the same at all times
//   drop_path(x, rate, random)        whole samples: stochastic depth
//
// The mask is a pure function of `random`, which should be forked by the layer's name, of the step
// of Training::current() and of the element's place in the global batch: micro-batches see the
// masks of the whole batch. It is computed again for the gradient and never stored. In a step that is recorded once for
// many, the kernel reads step and sample from Training's position.
//
// Shapes: x [batch, time, channel], or any with samples first and channels last.
// dtypes: f32, f64, bf16. Cost: one pass over memory each way. Deterministic.
// Errors: a rate outside [0, 1). Reference: kernels/dropout/README.md.
#pragma once

#include "autograd/variable.h"
#include "core/random.h"

namespace lw {

Variable dropout(const Variable& x, double rate, const Random& random, bool tied_over_time = false);
Variable drop_path(const Variable& x, double rate, const Random& random);

}  // namespace lw
