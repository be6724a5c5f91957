#include "layers/mamba1.h"

#include <cmath>

#include "autograd/fixed_weights.h"
#include "autograd/ops/causal_conv1d.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/selective_scan.h"
#include "autograd/ops/shape.h"

namespace lw {

void Mamba1Options::describe(Fields& f) {
  f.optional("d_state", d_state, "state size of each channel", positive());
  f.optional("d_conv", d_conv, "steps that the short convolution sees", positive());
  f.optional("expand", expand, "inner channels for each channel of the model", positive());
  f.optional("dt_rank", dt_rank, "rank of the step-size projection; null: d_model / 16, rounded up",
             positive());
  f.optional("dt_min", dt_min, "smallest initial step size", positive());
  f.optional("dt_max", dt_max, "largest initial step size", positive());
  f.optional("dt_init_floor", dt_init_floor, "no initial step size is below this", positive());
  f.optional("dt_init", dt_init, "initial step-size projection", one_of({"random", "constant"}));
  f.optional("dt_scale", dt_scale, "scale of the initial step-size projection", positive());
  f.optional("conv_bias", conv_bias, "bias of the short convolution");
  f.optional("bias", bias, "bias of the input and output projections");
  f.optional("rescale_prenorm_residual", rescale_prenorm_residual,
             "divide the initial output projection by sqrt(n_layers)");
}

namespace {

const bool registered = sequence_layers().add<Mamba1Options, Mamba1>("mamba1");

/// b such that softplus(b) = dt, for dt log-uniform in [dt_min, dt_max] and not below the floor.
Tensor inverse_softplus_steps(const Mamba1Options& o, int64_t channels, const Random& random) {
  Tensor b = random.uniform({channels}, std::log(o.dt_min), std::log(o.dt_max)).to(host);
  for (int64_t i = 0; i < channels; ++i) {
    const double dt = std::max(std::exp(static_cast<double>(b.data<float>()[i])), o.dt_init_floor);
    b.data<float>()[i] = static_cast<float>(dt + std::log(-std::expm1(-dt)));
  }
  return b;
}

/// log(1), ..., log(state) for each channel: A starts as S4D-Real.
Tensor log_state_numbers(int64_t channels, int64_t states) {
  Tensor a = Tensor::empty({channels, states}, DType::f32, host);
  for (int64_t i = 0; i < a.numel(); ++i)
    a.data<float>()[i] = std::log(static_cast<float>(i % states + 1));
  return a;
}

}  // namespace

Mamba1::Mamba1(const Mamba1Options& o, const Stack& stack, const Random& random)
    : d_inner_(o.expand * stack.d_model),
      d_state_(o.d_state),
      dt_rank_(o.dt_rank.value_or((stack.d_model + 15) / 16)),
      in_proj_(child<Linear>(
          "in_proj", LinearOptions{.in = stack.d_model, .out = 2 * d_inner_, .bias = o.bias},
          random)),
      x_proj_(child<Linear>(
          "x_proj", LinearOptions{.in = d_inner_, .out = dt_rank_ + 2 * d_state_, .bias = false},
          random)),
      out_proj_(child<Linear>("out_proj",
                              LinearOptions{.in = d_inner_, .out = stack.d_model, .bias = o.bias},
                              random)) {
  check(o.dt_min <= o.dt_max, "mamba1: dt_min is ", o.dt_min, ", larger than dt_max = ", o.dt_max);
  const double bound = 1 / std::sqrt(static_cast<double>(o.d_conv));
  conv_weight_ = parameter(
      "conv1d.weight", random.fork("conv1d.weight").uniform({d_inner_, o.d_conv}, -bound, bound),
      Role::matrix);
  if (o.conv_bias)
    conv_bias_ = parameter(
        "conv1d.bias", random.fork("conv1d.bias").uniform({d_inner_}, -bound, bound), Role::bias);

  const double spread = o.dt_scale / std::sqrt(static_cast<double>(dt_rank_));
  const Random dt_random = random.fork("dt_proj.weight");
  dt_weight_ =
      parameter("dt_proj.weight",
                o.dt_init == "random" ? dt_random.uniform({d_inner_, dt_rank_}, -spread, spread)
                                      : Tensor::full({d_inner_, dt_rank_}, spread),
                Role::matrix, /*streamed=*/true);
  dt_bias_ =
      parameter("dt_proj.bias", inverse_softplus_steps(o, d_inner_, random.fork("dt_proj.bias")),
                Role::ssm_dt);
  A_log_ = parameter("A_log", log_state_numbers(d_inner_, d_state_), Role::ssm_a);
  D_ = parameter("D", Tensor::full({d_inner_}, 1), Role::ssm_d);

  if (o.rescale_prenorm_residual) {
    Tensor weight = out_proj_.weight().value(), scaled = weight.to(host).clone();
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(stack.n_layers)));
    for (int64_t i = 0; i < weight.numel(); ++i) scaled.data<float>()[i] *= scale;
    weight.copy_from(scaled);
  }
}

Mamba1::Projected Mamba1::project(const Variable& x, const Variable& window,
                                  const Tensor& resets) const {
  const auto [input, gate] = split<2>(in_proj_(x), {d_inner_, d_inner_});
  const CausalConv1dResult conv = causal_conv1d(input, conv_weight_, conv_bias_,
                                                {.silu = true, .state = window, .resets = resets});
  const auto [dt, B, C] = split<3>(x_proj_(conv.y), {dt_rank_, d_state_, d_state_});
  return {conv.y, gate, linear(dt, dt_weight_), B, C, conv.state};
}

Variable Mamba1::A() const {
  return FixedWeights::derive(this, [&] { return -exp(A_log_); });
}

Output Mamba1::forward(const Variable& x, const State& state, const Context& context) const {
  check(state.empty() || state.size() == 2, "mamba1: expected a state of 2 tensors, received ",
        state.size());
  const Projected p = project(x, state.empty() ? Variable() : state[0], context.resets);
  const SelectiveScanResult scan =
      selective_scan(p.u, p.delta, A(), p.B, p.C,
                     {.D = D_,
                      .delta_bias = dt_bias_,
                      .softplus = true,
                      .z = p.gate,
                      .initial_state = state.empty() ? Variable() : state[1],
                      .resets = context.resets});
  Output out{.y = out_proj_(scan.y)};
  if (context.keep_state) out.state = {p.window, scan.final_state};
  return out;
}

Selection Mamba1::selection(const Variable& x) const {
  const NoGrad no_grad;
  const Variable delta = softplus(project(x, {}, {}).delta + dt_bias_);
  return {delta.value().to(DType::f32).to(host), A().value().to(DType::f32).to(host)};
}

}  // namespace lw
