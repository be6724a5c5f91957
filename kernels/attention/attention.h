// attention: causal scaled dot-product attention over the keys of the past and the present, without their matrix.
//
//   o_i = sum_j p_ij v_j,   p_ij = exp(s_ij) / sum_j exp(s_ij),   s_ij = scale <q_i, k_j>,   first_i <= j <= past + i
//
// for each batch row and head; query i stands at position past + i. first_i is the first key of the document of i: at or after the last
// reset, or, before any, the first key of the past that is `alive`.
// Shapes: q, o [batch, time, heads dim]; k, v [batch, past + time, heads dim]; alive [batch, past], 1 where a key belongs to the document
// that goes on, else 0: all ones behind all zeros; resets u8 [batch, time]. All may be pitched.
// Cost: 4 dim operations a pair of query and key forward, 10 backward; memory linear in time.
// Determinism: bits depend neither on threads nor on the rest of the batch.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

struct Attention {
  Tensor q, k, v;
  Tensor alive;   ///< undefined: all of the past
  Tensor resets;  ///< undefined: none
  int64_t heads = 1;
  double scale = 1;
};

/// Writes o and `lse` [batch, heads, time], the logarithm of each query's sum.
inline Kernel<void(const Attention&, Tensor& o, Tensor& lse)> attention_forward{
    "attention_forward"};

struct AttentionGradients {
  Tensor q, k, v;
};

/// From the gradient of o to those of q, k and v.
inline Kernel<void(const Attention&, const Tensor& o, const Tensor& lse, const Tensor& do_,
                   AttentionGradients&)>
    attention_backward{"attention_backward"};

/// first [batch, time], i64: what the head of this file calls first_i.
inline Kernel<void(const Attention&, Tensor& first)> attention_first_keys{"attention_first_keys"};

}  // namespace lw::kernels
