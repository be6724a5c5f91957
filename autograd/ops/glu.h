// glu: the gated linear unit of the two halves of the last axis.
//
//   x = [a, b],   glu(x) = a sigmoid(b)
//
// Shapes: [..., 2 channel] to [..., channel]. dtypes: f32, f64, bf16. Cost: one pass over memory
// each way; the halves are read and their gradients written in place. Deterministic.
// Errors: a last axis of odd size. glu(a, b) and the gate of Mamba, silu_gate(y, z) = y silu(z), are
// in autograd/ops/elementwise.h.
//
// Dauphin, Fan, Auli & Grangier 2017, "Language modeling with gated convolutional networks".
#pragma once

#include "autograd/ops/elementwise.h"

namespace lw {

Variable glu(const Variable& x);

}  // namespace lw
