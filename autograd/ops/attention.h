// attention: causal scaled dot-product attention of several heads, with keys and values of the past.
//
//   o_i = sum_j p_ij v_j,   p_ij = softmax over j of <q_i, k_j> / sqrt(dim)
//
// Query i stands behind the keys of the past and sees these, and the present ones up to its own, as far as they belong to its document.
// The scores are never held: tiles of them are made, and made again for the gradient.
// Shapes: q, o [batch, time, heads dim]; k, v [batch, past + time, heads dim]; alive [batch, past], see below; resets u8 [batch, time]. All
// possibly pitched.
// Cost: 4 dim operations a pair of query and key, 10 for the gradient; memory linear in time: q, k, v, o and one number a
// query and head are saved.
// Determinism: bits depend neither on threads nor on the rest of the batch.
// Errors: shapes and dtypes that disagree, by ShapeCheck; channels that the heads do not divide.
// Reference: Vaswani et al. 2017, arXiv:1706.03762; Dao et al. 2022, arXiv:2205.14135; kernels/attention/README.md.
#pragma once

#include "autograd/variable.h"

namespace lw {

struct AttentionOptions {
  int64_t heads = 1;
  /// Which keys of the past belong to the document that goes on: 1, else 0; undefined: all. It has no gradient.
  Variable alive;
  Tensor resets;  ///< 1 where a document starts
};

Variable attention(const Variable& q, const Variable& k, const Variable& v,
                   const AttentionOptions& options);

/// What `alive` is for the next call, [batch, past + time].
Variable attention_alive(const Variable& q, const Variable& k, const AttentionOptions& options);

/// Rotary positions: each head's numbers i and dim/2 + i are a point that is turned by position * base^(-2 i / dim), so that the product of a
/// query and a key depends on the distance between them. x [batch, time, heads dim], its first step at `position`; dim even.
/// Su et al. 2021, arXiv:2104.09864.
Variable rotary(const Variable& x, int64_t heads, int64_t position, double base = 10000);

}  // namespace lw
