#include "layers/s4.h"

#include <cmath>

#include "autograd/ops/complex.h"
#include "autograd/ops/dplr_scan.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/glu.h"
#include "autograd/ops/long_conv.h"
#include "autograd/ops/s4_kernel.h"
#include "autograd/ops/s4_readout.h"
#include "kernels/fft/fft_plan.h"
#include "layers/hippo.h"

namespace lw {

void S4Options::describe(Fields& f) {
  f.optional("d_state", d_state, "state size of each channel, counted in real numbers", even());
  f.optional("init", init, "HiPPO measure that A, B and P start from",
             one_of({"legs", "legt", "legt_half", "lagt", "fout", "fourier2"}));
  f.optional("dt_min", dt_min, "smallest initial step size", positive());
  f.optional("dt_max", dt_max, "largest initial step size", positive());
  f.optional("l_max", l_max,
             "longest input that is convolved; longer ones go through the recurrence", positive());
  f.optional("bidirectional", bidirectional, "read whole sequences in both directions");
}

namespace {

const bool registered = sequence_layers().add<S4Options, S4>("s4");

/// -Re lambda stays above this: the spectrum of a mode that does not decay is infinite at its frequency.
constexpr double least_decay = 1e-4;

/// Inputs of fewer steps go through the recurrence.
constexpr int64_t shortest_convolution = 16;

/// `values` [..., state], the same for every channel: [channel, state] for each of the leading entries.
Tensor for_channels(const std::vector<complex128>& values, int64_t leading, int64_t channels,
                    int64_t states) {
  Tensor t = Tensor::empty({leading, channels, states}, DType::c64, host);
  for (int64_t i = 0; i < t.numel(); ++i) {
    const int64_t r = i / (channels * states), n = i % states;
    t.data<complex64>()[i] = complex64(values[static_cast<size_t>(r * states + n)]);
  }
  return t;
}

}  // namespace

S4::S4(const S4Options& o, const Stack& stack, const Random& random)
    : length_(kernels::next_fast_length(o.l_max)),
      mix_(child<Linear>("mix", LinearOptions{.in = stack.d_model, .out = 2 * stack.d_model},
                         random)) {
  check(o.dt_min <= o.dt_max, "s4: dt_min is ", o.dt_min, ", larger than dt_max = ", o.dt_max);
  const int64_t H = stack.d_model, N = o.d_state / 2;
  const Nplr form = nplr(o.init, o.d_state);
  log_dt_ = parameter("log_dt",
                      random.fork("log_dt").uniform({H}, std::log(o.dt_min), std::log(o.dt_max)),
                      Role::ssm_dt);
  Tensor log_real = Tensor::empty({H, N}, DType::f32, host), imag = Tensor::empty_like(log_real);
  for (int64_t i = 0; i < H * N; ++i) {
    const complex128 value = form.lambda[static_cast<size_t>(i % N)];
    log_real.data<float>()[i] =
        static_cast<float>(std::log(std::max(-value.real() - least_decay, least_decay)));
    imag.data<float>()[i] = static_cast<float>(value.imag());
  }
  log_A_real_ = parameter("log_A_real", log_real, Role::ssm_a);
  A_imag_ = parameter("A_imag", imag, Role::ssm_a);
  P_ = complex_parameter("P", for_channels(form.P, form.rank, H, N), Role::ssm_a);
  B_ = complex_parameter("B", for_channels(form.B, 1, H, N).reshape({H, N}), Role::ssm_b);
  Ct_ = readout("Ct", {H, N}, random);
  if (o.bidirectional) Ct_reverse_ = readout("Ct_reverse", {H, N}, random);
  D_ = parameter("D", random.fork("D").normal({H}), Role::ssm_d);
}

S4::ComplexParameter S4::complex_parameter(const std::string& name, const Tensor& initial,
                                           Role role) {
  const NoGrad no_grad;
  return {parameter(name + "_real", real(initial).value(), role),
          parameter(name + "_imag", imag(initial).value(), role)};
}

S4::ComplexParameter S4::readout(const std::string& name, const Shape& shape,
                                 const Random& random) {
  const NoGrad no_grad;
  const double deviation = std::sqrt(0.5);  // E|C|^2 = 1
  const Variable C = complex(random.fork(name + "_real").normal(shape, 0, deviation),
                             random.fork(name + "_imag").normal(shape, 0, deviation));
  return complex_parameter(
      name, s4_truncated_readout(exp(log_dt_), lambda(), P_.value(), C, length_).value(),
      Role::ssm_c);
}

Variable S4::ComplexParameter::value() const { return complex(real, imag); }

Variable S4::lambda() const { return complex(-(exp(log_A_real_) + least_decay), A_imag_); }

Output S4::forward(const Variable& u, const State& state, const Context& context) const {
  check(state.empty() || state.size() == 2, "s4: expected a state of 2 tensors, received ",
        state.size());
  check(causal() || (state.empty() && !context.keep_state),
        "s4: a bidirectional layer reads whole sequences; it takes and gives no state");
  const int64_t time = u.size(1);
  check(causal() || time <= length_, "s4: an input of ", time,
        " steps is longer than this bidirectional layer convolves\n  set model.l_max to at least ",
        time);
  const Variable dt = exp(log_dt_), A = lambda(), P = P_.value(), B = B_.value();
  const Variable before = state.empty() ? Variable() : state[0];

  // A convolution of packed documents neither starts from a state nor leaves one: the recurrence does both.
  const bool stateful = before.defined() || context.keep_state;
  const bool convolve =
      !causal() ||
      (time <= length_ && !(context.resets.defined() && stateful) &&
       (context.mode == Mode::convolution ||
        (context.mode == Mode::automatic && !stateful && time >= shortest_convolution)));
  // The recurrence reads the state through C. Making it of Ct is dear, so the state carries it from call to call.
  Variable C = before.defined() ? state[1] : Variable();
  if ((stateful || !convolve) && !C.defined()) C = s4_readout(dt, A, P, Ct_.value(), length_);
  const auto scan = [&](const Variable& input) {
    return dplr_scan(input, dt, A, P, B, C, {.state = before, .resets = context.resets});
  };
  Output out;
  Variable v;  // [batch, time, channel]
  if (convolve) {
    const S4KernelOptions how{.time = time, .length = length_};
    v = long_conv(u, s4_kernel(dt, A, P, B, Ct_.value(), how), D_, {.resets = context.resets});
    if (!causal())
      v = v + long_conv(u, s4_kernel(dt, A, P, B, Ct_reverse_.value(), how), {},
                        {.reverse = true, .resets = context.resets});
    if (before.defined()) v = v + scan(Tensor::zeros_like(u.value())).y;
    if (context.keep_state) out.state = {scan(u).state, C};
  } else {
    const DplrScanResult result = scan(u);
    v = result.y + D_ * u;
    if (context.keep_state) out.state = {result.state, C};
  }
  out.y = glu(mix_(gelu(v)));
  return out;
}

}  // namespace lw
