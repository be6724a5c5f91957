// SequenceLayer: the one interface of every state-space model, (y, state) = forward(x, state).
//
// x is [batch, time, d_model] with time >= 1, and y has the same shape. The state is what the layer
// remembers of the past; it is handed from call to call, so that a sequence may be given whole, in
// pieces of any length, or one step at a time, with the same results and the same gradients:
//
//   Output all   = layer.forward(x, {});
//   Output first = layer.forward(slice(x, 1, 0, t), {});
//   Output rest  = layer.forward(slice(x, 1, t, T), first.state);    // y = concat(first.y, rest.y)
//
// Gradients flow through both states. An empty state is the start of a sequence.
#pragma once

#include "core/options.h"
#include "layers/layer.h"

namespace lw {

/// What a layer remembers: tensors whose meaning each layer documents. Empty: nothing yet.
using State = Variables;

struct Output {
  Variable y;   ///< [batch, time, d_model]
  State state;  ///< after the last step; empty if the context did not ask for it
};

/// The representation that a linear time-invariant layer computes with. The results agree.
enum class Mode {
  /// Convolution for long inputs unless a state comes in or goes out, else scan; s4d and dss on a GPU: scan.
  automatic,
  convolution,  ///< whole sequences through an FFT
  scan,         ///< the recurrence; with time = 1 it is the step of generation
};

/// How a forward pass is to be run.
struct Context {
  Mode mode = Mode::automatic;
  /// Packed documents: u8 [batch, time], 1 at the first step of each document. The state, and the
  /// window of a short convolution, is zero there, exactly as if the documents had been run
  /// separately.
  Tensor resets;
  /// Samples in a unit of time, relative to training: every step size is divided by it. A model that was
  /// trained at rate 1 reads a signal of every second sample at rate 0.5.
  double rate = 1;
  /// Irregular samples: [batch, time], positive, the time from the sample before relative to the
  /// usual; step sizes are multiplied by it. Undefined: 1. A convolution cannot: the recurrence does it.
  Tensor intervals;
  /// The caller will use the state returned. Training on whole sequences does not, and is spared
  /// its cost.
  bool keep_state = false;
};

class SequenceLayer : public Layer {
 public:
  /// Throws Error for a state given to, or asked of, a layer that is not causal.
  virtual Output forward(const Variable& x, const State& state, const Context& context) const = 0;

  /// False for a bidirectional layer, which needs whole sequences.
  virtual bool causal() const { return true; }

  /// True for a time-invariant layer, which can compute as a convolution too; others ignore the mode.
  virtual bool convolves() const { return false; }

  /// True for a layer that samples a system of continuous time, which can be told another rate or
  /// intervals; a Block refuses them for others.
  virtual bool continuous() const { return false; }

  /// The output alone, of whole sequences.
  Variable operator()(const Variable& x) const { return forward(x, {}, {}).y; }
};

/// The stack of residual blocks that a layer is made for.
struct Stack {
  int64_t d_model = 0;   ///< width: channels in and out
  int64_t n_layers = 1;  ///< blocks; some layers scale their output projection by 1/sqrt(n_layers)
};

/// The kinds that `model.layer` may name, each with its options.
using SequenceLayers =
    Registry<std::unique_ptr<SequenceLayer>(const Stack& stack, const Random& random)>;
SequenceLayers& sequence_layers();

}  // namespace lw
