#include "layers/channel_ssm.h"

#include <cmath>

#include "autograd/ops/complex.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/glu.h"
#include "autograd/ops/long_conv.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/skip_gelu.h"

namespace lw {

namespace {

/// Inputs of fewer steps go through the recurrence, which is then the cheaper of the two.
constexpr int64_t shortest_convolution = 16;

}  // namespace

Variable ComplexParameter::value() const {
  if (!defined()) return {};
  return complex(real, imag.defined() ? imag : Variable(Tensor::zeros_like(real.value())));
}

ChannelSsm::ChannelSsm(const Setup& setup, const Stack& stack, const Random& random)
    : setup_(setup),
      n_ssm_(setup.n_ssm.value_or(stack.d_model)),
      mix_(child<Linear>("mix", LinearOptions{.in = stack.d_model, .out = 2 * stack.d_model},
                         random)) {
  check(setup.dt_min <= setup.dt_max, setup.kind, ": dt_min is ", setup.dt_min,
        ", larger than dt_max = ", setup.dt_max);
  check(n_ssm_ > 0 && stack.d_model % n_ssm_ == 0, setup.kind, ": n_ssm is ", n_ssm_,
        ", which does not divide d_model = ", stack.d_model);
  copies_ = stack.d_model / n_ssm_;
  const Shape channels{stack.d_model};
  const Tensor log_dt =
      random.fork("log_dt").uniform(channels, std::log(setup.dt_min), std::log(setup.dt_max));
  log_dt_ = setup.learn_dt ? parameter("log_dt", log_dt, Role::ssm_dt)
                           : Variable(buffer("log_dt", log_dt));
  D_ = parameter("D", random.fork("D").normal(channels), Role::ssm_d);
}

ComplexParameter ChannelSsm::complex_parameter(const std::string& name, const Tensor& initial,
                                               Role role) {
  const NoGrad no_grad;
  return {parameter(name + "_real", real(initial).value(), role),
          parameter(name + "_imag", imag(initial).value(), role)};
}

ComplexParameter ChannelSsm::normal_parameter(const std::string& name, const Shape& shape,
                                              const Random& random) {
  const auto part = [&](const std::string& part_name) {
    return parameter(part_name, random.fork(part_name).normal(shape, 0, std::sqrt(0.5)),
                     Role::ssm_c);
  };
  return {part(name + "_real"), part(name + "_imag")};
}

Variable ChannelSsm::steps(double rate) const {
  check(rate > 0 && std::isfinite(rate), setup_.kind, ": expected a rate above 0, received ", rate);
  const Variable dt = exp(log_dt_);
  return rate == 1 ? dt : dt / rate;
}

Variable ChannelSsm::for_channels(const Variable& rows) const {
  if (copies_ == 1 || !rows.defined()) return rows;
  const Shape& shape = rows.shape();
  const int axis = rows.rank() - 2;
  const Variable zeros = Tensor::zeros({copies_, 1, 1}, real_of(rows.dtype()), rows.device());
  return reshape(reshape(rows, shape.inserted(axis, 1)) + zeros,
                 shape.with(axis, copies_ * n_ssm_));
}

Output ChannelSsm::forward(const Variable& u, const State& state, const Context& context) const {
  const Representations system = represent(context);
  const char* kind = setup_.kind;
  check(state.empty() || state.size() == system.state_tensors, kind, ": expected a state of ",
        system.state_tensors, system.state_tensors == 1 ? " tensor" : " tensors", ", received ",
        state.size());
  check(causal() || (state.empty() && !context.keep_state), kind,
        ": a bidirectional layer reads whole sequences; it takes and gives no state");
  check(
      causal() || !context.intervals.defined(), kind,
      ": a bidirectional layer is a convolution, and reads regular samples; intervals were given");
  const int64_t time = u.size(1);
  check(causal() || time <= system.longest_convolution, kind, ": an input of ", time,
        " steps is longer than the ", system.longest_convolution,
        " that this bidirectional layer convolves\n  train it with a model.l_max of at least ",
        std::ceil(static_cast<double>(time) / context.rate));

  // A convolution of packed documents neither starts from a state nor leaves one, and one of irregular samples does
  // not exist: the recurrence does both.
  const bool stateful = !state.empty() || context.keep_state;
  const bool prefers_scan = time >= system.shortest_preferred_scan && !context.resets.defined();
  const bool convolve =
      !causal() ||
      (time <= system.longest_convolution && !context.intervals.defined() &&
       !(context.resets.defined() && stateful) &&
       (context.mode == Mode::convolution || (context.mode == Mode::automatic && !stateful &&
                                              !prefers_scan && time >= shortest_convolution)));
  Output out;
  Variable active;  // gelu(v), [batch, time, channel]
  if (convolve) {
    Variable v = long_conv(u, system.kernel(time, false), D_, {.resets = context.resets});
    if (!causal())
      v = v +
          long_conv(u, system.kernel(time, true), {}, {.reverse = true, .resets = context.resets});
    if (!state.empty()) v = v + system.scan(Tensor::zeros_like(u.value()), state).y;
    active = gelu(v);
    if (context.keep_state) out.state = system.scan(u, state).state;
  } else {
    Scanned scanned = system.scan(u, state);
    active = skip_gelu(scanned.y, D_, u);
    if (context.keep_state) out.state = std::move(scanned.state);
  }
  out.y = glu(mix_(active));
  return out;
}

Dynamics ChannelSsm::dynamics(int64_t length) const {
  const NoGrad no_grad;
  Dynamics result{
      .poles = poles(), .step_sizes = steps().value().to_vector(), .kernel = kernel(length)};
  for (complex128& pole : result.poles) pole = {pole.real(), std::abs(pole.imag())};
  return result;
}

Tensor ChannelSsm::kernel(int64_t length) const {
  const NoGrad no_grad;
  const Representations system = represent({});
  Variable kernel;  // [length, channel]
  if (length <= system.longest_convolution) {
    kernel = transpose(system.kernel(length, false), 0, 1);
  } else {
    Tensor impulse = Tensor::zeros({1, length, D_.size(0)}, D_.dtype(), D_.device());
    impulse.slice(1, 0, 1).fill(1);
    kernel = select(system.scan(impulse, {}).y, 0, 0);
  }
  return kernel.value().to(DType::f32).to(host).contiguous();
}

std::vector<complex128> ChannelSsm::poles_of(const Variable& Abar) {
  const Tensor values = Abar.value().to(DType::c128).to(host).contiguous();
  return {values.data<complex128>(), values.data<complex128>() + values.numel()};
}

}  // namespace lw
