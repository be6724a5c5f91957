// rnn: the recurrences of recurrent neural networks, whose state goes through a full matrix.
//
//   p_t = W h_{t-1} + b
//   tanh   h = tanh(x + p)
//   lstm   (i, f, g, o) = (sigmoid, sigmoid, tanh, sigmoid)(x + p);  c = f c_{t-1} + i g;  h = o tanh(c)
//   gru    (r, z) = sigmoid(x + p);  n = tanh(x + r p);  h = n + z (h_{t-1} - n)
//
// x holds what the input contributes to each gate, in that order of gates (those of PyTorch). h_{-1} and c_{-1} are `state`
// or zero; a reset at time t makes h_{t-1} and c_{t-1} zero.
// Shapes, with G = 1, 4 or 3 gates: x [batch, time, G channel]; W [G channel, channel]; b [G channel]; h [batch, time, channel];
// state [batch, channel], of the lstm h and then c, [batch, 2 channel]; resets u8 [batch, time]. All but W and b may be pitched.
// Cost: 2 G channel^2 operations a step each way, one step after the other; saved for the gradient: 0, 5 or 4
// channel numbers a step.
// Determinism: bits depend neither on threads nor on how a sequence is cut or packed, nor on the rest of the batch.
// Reference: README.md beside this file.
#pragma once

#include "core/kernel.h"

namespace lw::kernels {

enum class RnnCell { tanh, lstm, gru };

/// Parts of x, W and b for each channel.
constexpr int64_t rnn_gates(RnnCell cell) {
  return cell == RnnCell::tanh ? 1 : cell == RnnCell::lstm ? 4 : 3;
}
/// Parts of a state: h, and c of the lstm.
constexpr int64_t rnn_states(RnnCell cell) { return cell == RnnCell::lstm ? 2 : 1; }
/// Parts that are saved at a step: i, f, g, o and c; or r, z, n and the third part of p.
constexpr int64_t rnn_saved(RnnCell cell) {
  return cell == RnnCell::tanh ? 0 : cell == RnnCell::lstm ? 5 : 4;
}

struct Rnn {
  RnnCell cell = RnnCell::tanh;
  Tensor x, W, b;
  Tensor state;   ///< undefined: zero
  Tensor resets;  ///< undefined: none
};

/// Writes h; the state after the last step; and, where it is defined, `saved` [batch, time, rnn_saved channel].
inline Kernel<void(const Rnn&, Tensor& h, Tensor& state, Tensor& saved)> rnn_forward{"rnn_forward"};

/// From the gradients of h and of the final state (undefined: zero) to those of x, of p [batch, time, G channel] and of the
/// first state (undefined: not asked for). dx and dp may be one tensor but for the gru.
inline Kernel<void(const Rnn&, const Tensor& h, const Tensor& saved, const Tensor& dh,
                   const Tensor& dlast, Tensor& dx, Tensor& dp, Tensor& dstate)>
    rnn_backward{"rnn_backward"};

}  // namespace lw::kernels
