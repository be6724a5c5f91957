// linear_recurrence: a first-order recurrence of every channel by itself: what S5, LRU and RG-LRU
// compute between two matrix products.
//
//   h_t = a_t h_{t-1} + x_t
//
// Complex numbers stand in rows of reals, the real parts of all channels and then the imaginary ones:
// the products before and after are real then, [Re B; Im B] u and [Re C, -Im C] h. Gradients flow
// through both states; a state is a row of h.
// Shapes: x, h [batch, time, channel], time >= 1; a [channel] or [batch, time, channel]; state
// [batch, channel]; resets u8 [batch, time]. With `complex`, channel is twice the complex channels.
// Cost: 8 bytes an element in f32 (12 where a varies), twice that for the gradient; saves x, a, h.
// Determinism: the bits of h depend neither on threads nor on how a sequence is cut or packed; on a GPU
// sequences of more than 128 steps of fewer than 65,536 channels in all the rows agree to rounding.
// Errors: shapes and dtypes that disagree, by ShapeCheck; an odd number of channels of complex ones.
// Reference: kernels/linear_recurrence/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct LinearRecurrenceOptions {
  Variable state;        ///< h_{-1}; undefined: zeros
  Tensor resets;         ///< 1 where a document starts: a counts as zero there
  bool complex = false;  ///< rows hold real parts and then imaginary parts
};

struct LinearRecurrenceResult {
  Variable h;      ///< [batch, time, channel]
  Variable state;  ///< [batch, channel]: the last h
};

LinearRecurrenceResult linear_recurrence(const Variable& x, const Variable& a,
                                         const LinearRecurrenceOptions& options = {});

}  // namespace lw
