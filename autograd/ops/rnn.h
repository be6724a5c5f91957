// rnn: the recurrences of recurrent neural networks: a plain one with tanh, the LSTM and the GRU.
//
//   p_t = W h_{t-1} + b
//   tanh   h = tanh(x + p)
//   lstm   (i, f, g, o) = (sigmoid, sigmoid, tanh, sigmoid)(x + p);  c = f c_{t-1} + i g;  h = o tanh(c)
//   gru    (r, z) = sigmoid(x + p);  n = tanh(x + r p);  h = n + z (h_{t-1} - n)
//
// x is what the input contributes to each gate, a product for all steps at once, with the gates in the order of PyTorch.
// Gradients flow through both states.
// Shapes, with G = 1, 4 or 3 gates: x [batch, time, G channel], possibly pitched; W [G channel, channel]; b [G channel];
// h [batch, time, channel]; state [batch, channel], of the lstm h and then c, [batch, 2 channel]; resets u8 [batch, time].
// Cost: 2 G channel^2 operations a step, one step after the other, twice that for the gradient; saved: 1, 6 or 5 channel
// numbers a step.
// Determinism: bits depend neither on threads nor on how a sequence is cut or packed (the gradients of W and b are sums, and
// depend on the latter by rounding).
// Errors: shapes and dtypes that disagree, by ShapeCheck.
// References: Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014, arXiv:1406.1078; kernels/rnn/README.md.
#pragma once

#include "autograd/variable.h"
#include "kernels/rnn/rnn.h"

namespace lw {

using kernels::RnnCell;

struct RnnOptions {
  Variable state;  ///< before the first step; undefined: zeros
  Tensor resets;   ///< 1 where a document starts: the state before it counts as zero from there on
};

struct RnnResult {
  Variable h;      ///< [batch, time, channel]
  Variable state;  ///< after the last step
};

RnnResult rnn(RnnCell cell, const Variable& x, const Variable& W, const Variable& b,
              const RnnOptions& options = {});

}  // namespace lw
