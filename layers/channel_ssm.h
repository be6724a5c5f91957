// ChannelSsm: what S4, S4D, DSS and LSSL share. Each channel has a linear system of continuous time with one
// input and one output, sampled with a step size of its own; a gated layer mixes the channels.
//
//   x'(t) = A x(t) + B u(t),  v(t) = 2 Re <C, x(t)> + D u(t)      sampled with step dt / rate
//   y     = glu(W gelu(v) + b)
//
// A layer says what A, B and C are, and gives two representations of the system, which agree: the kernel
// of a convolution, for whole sequences, and the recurrence, for states, pieces and single steps. A
// convolution that starts from a state adds its response, and one that leaves a state runs the
// recurrence for it; left to choose, the layer convolves whole sequences and runs the recurrence where
// there is a state, or where a GPU runs it by matrix products (kernels/diagonal_scan).
//
// n_ssm: A and B have that many rows, shared by groups of channels: channel h has row h mod n_ssm.
// Context::rate divides all step sizes, and intervals multiply them, each at its sample: a system of
// continuous time can be read at any rate. Irregular samples go through the recurrence.
// Bidirectional: a second C reads the sequence from its end; v is the sum of both, the present in each.
#pragma once

#include <functional>
#include <limits>

#include "layers/dynamics.h"
#include "layers/linear.h"
#include "layers/sequence_layer.h"

namespace lw {

/// Complex values as the two real parameters that an optimizer can update.
struct ComplexParameter {
  Variable real, imag;  ///< an undefined imag is zero

  bool defined() const { return real.defined(); }
  Variable value() const;  ///< undefined if the parameter is
};

/// The options that all of these layers have.
template <class Options>
void describe_channels(Fields& f, Options& o) {
  f.optional("dt_min", o.dt_min, "smallest initial step size", positive());
  f.optional("dt_max", o.dt_max, "largest initial step size", positive());
  f.optional("n_ssm", o.n_ssm, "different A and B, shared by groups of channels; null: d_model",
             positive());
  f.optional("bidirectional", o.bidirectional, "read whole sequences in both directions");
}

class ChannelSsm : public SequenceLayer, public TimeInvariant {
 public:
  bool causal() const final { return !setup_.bidirectional; }
  bool convolves() const final { return true; }
  bool continuous() const final { return true; }
  Output forward(const Variable& u, const State& state, const Context& context) const final;
  Dynamics dynamics(int64_t length) const final;
  Tensor kernel(int64_t length) const final;

 protected:
  struct Setup {
    const char* kind;  ///< for messages
    double dt_min, dt_max;
    std::optional<int64_t> n_ssm;
    bool bidirectional;
    bool learn_dt;  ///< else step sizes are a buffer
  };
  /// From the options of a layer, which have these members.
  template <class Options>
  static Setup setup_of(const char* kind, const Options& o, bool learn_dt = true) {
    return {kind, o.dt_min, o.dt_max, o.n_ssm, o.bidirectional, learn_dt};
  }
  ChannelSsm(const Setup& setup, const Stack& stack, const Random& random);

  ComplexParameter complex_parameter(const std::string& name, const Tensor& initial, Role role);
  /// E|C|^2 = 1
  ComplexParameter normal_parameter(const std::string& name, const Shape& shape,
                                    const Random& random);

  int64_t n_ssm() const { return n_ssm_; }
  /// Step sizes of a call, [channel].
  Variable steps(double rate = 1) const;
  /// Intervals in the precision of u.
  static Tensor intervals(const Context& context, const Variable& u) {
    return context.intervals ? context.intervals.to(u.device()).to(u.dtype()) : Tensor();
  }
  /// Rows of n_ssm systems, [..., n_ssm, state], as those of all channels, [..., channel, state].
  Variable for_channels(const Variable& rows) const;

  struct Scanned {
    Variable y;  ///< without D u
    State state;
  };
  /// The system at the rate, intervals and resets of a call.
  struct Representations {
    /// [channel, time]; `reverse`: with the C of the other direction.
    std::function<Variable(int64_t time, bool reverse)> kernel;
    std::function<Scanned(const Variable& u, const State& state)> scan;
    size_t state_tensors = 1;
    /// Longer inputs go through the recurrence.
    int64_t longest_convolution = std::numeric_limits<int64_t>::max();
    /// Left to choose, the layer scans inputs of at least so many steps without resets.
    int64_t shortest_preferred_scan = std::numeric_limits<int64_t>::max();
  };
  virtual Representations represent(const Context& context) const = 0;
  /// What each mode is multiplied by in one step; of a conjugate pair one.
  virtual std::vector<complex128> poles() const = 0;
  /// The elements of a diagonal Abar [channel, state].
  static std::vector<complex128> poles_of(const Variable& Abar);

 private:
  Setup setup_;
  int64_t n_ssm_, copies_ = 1;  // channels = n_ssm copies
  Variable log_dt_, D_;         // [channel]
  Linear& mix_;                 // channel -> 2 channel
};

}  // namespace lw
