#include "layers/rg_lru.h"

#include <cmath>
#include <limits>

#include "autograd/ops/causal_conv1d.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/linear_recurrence.h"
#include "autograd/ops/shape.h"

namespace lw {

void RgLruOptions::describe(Fields& f) {
  f.optional("d_rnn", d_rnn, "channels of the recurrence; null: d_model", positive());
  f.optional("d_conv", d_conv, "steps that the short convolution sees", positive());
  f.optional("blocks", blocks, "blocks of the gates' block-diagonal matrices", positive());
  f.optional("r_min", r_min, "smallest initial exp(-softplus(lambda))", probability());
  f.optional("r_max", r_max, "largest initial exp(-softplus(lambda))", probability());
}

namespace {

const bool registered = sequence_layers().add<RgLruOptions, RgLru>("rg_lru");

constexpr double sharpness = 8;         // c of the paper
constexpr double steepest_root = 1000;  // the gradient of the root is clipped there

/// sqrt(x), with a gradient of at most `steepest_root`.
Variable clipped_root(const Variable& x) {
  const Tensor value = sqrt(x.detach()).value(), at = x.value();
  return Variable::from_op("clipped_root", value, {x}, [at](const Tensor& dy) {
    const NoGrad no_grad;
    const double least = 1 / (steepest_root * steepest_root);
    const Variable slope =
        rsqrt(clamp(Variable(at) * 4, least, std::numeric_limits<double>::max()));
    return Tensors{(Variable(dy) * slope).value()};
  });
}

/// 1 at the first step of every document, [batch, time, 1]: at resets, and at the start of what no state precedes.
Tensor first_steps(const Variable& x, const Tensor& resets, bool fresh) {
  const int64_t batch = x.size(0), time = x.size(1);
  Tensor first = resets ? resets.to(x.device()).to(x.dtype()).reshape({batch, time, 1})
                        : Tensor::zeros({batch, time, 1}, x.dtype(), x.device());
  if (!fresh) return first;
  first = first.clone();
  first.slice(1, 0, 1).fill(1);
  return first;
}

}  // namespace

RgLru::RgLru(const RgLruOptions& o, const Stack& stack, const Random& random)
    : d_rnn_(o.d_rnn.value_or(stack.d_model)),
      in_proj_(
          child<Linear>("in_proj", LinearOptions{.in = stack.d_model, .out = 2 * d_rnn_}, random)),
      out_proj_(
          child<Linear>("out_proj", LinearOptions{.in = d_rnn_, .out = stack.d_model}, random)) {
  check(o.r_min <= o.r_max, "rg_lru: r_min is ", o.r_min, ", larger than r_max = ", o.r_max);
  check(d_rnn_ % o.blocks == 0, "rg_lru: ", d_rnn_, " channels are not divided by ", o.blocks,
        " blocks");
  const double bound = 1 / std::sqrt(static_cast<double>(o.d_conv));
  conv_weight_ = parameter("conv1d.weight",
                           random.fork("conv1d.weight").uniform({d_rnn_, o.d_conv}, -bound, bound),
                           Role::matrix);
  conv_bias_ = parameter("conv1d.bias", random.fork("conv1d.bias").uniform({d_rnn_}, -bound, bound),
                         Role::bias);
  recurrence_gate_ = gate("recurrence_gate", o.blocks, random);
  input_gate_ = gate("input_gate", o.blocks, random);
  Tensor lambda = Tensor::empty({d_rnn_}, DType::f32, host);
  for (int64_t c = 0; c < d_rnn_; ++c) {
    const double draw = random.fork("lambda").uniform_at(static_cast<uint64_t>(c));
    const double square = draw * (o.r_max * o.r_max - o.r_min * o.r_min) + o.r_min * o.r_min;
    const double decay = -0.5 * std::log(std::max(square, 1e-12));  // softplus(lambda)
    lambda.data<float>()[c] = static_cast<float>(std::log(std::expm1(decay)));
  }
  lambda_ = parameter("lambda", lambda, Role::ssm_a);
}

RgLru::Gate RgLru::gate(const std::string& name, int64_t blocks, const Random& random) {
  Gate gate;
  for (int64_t i = 0; i < blocks; ++i)
    gate.blocks.push_back(
        &child<Linear>(name + "." + std::to_string(i),
                       LinearOptions{.in = d_rnn_ / blocks, .out = d_rnn_ / blocks}, random));
  return gate;
}

Variable RgLru::Gate::operator()(const Variable& x) const {
  if (blocks.size() == 1) return sigmoid((*blocks[0])(x));
  const auto count = static_cast<int64_t>(blocks.size());
  const Variables in = split(x, std::vector<int64_t>(blocks.size(), x.size(2) / count));
  Variables out;
  for (size_t i = 0; i < blocks.size(); ++i) out.push_back((*blocks[i])(in[i]));
  return sigmoid(concat(out));
}

Variable RgLru::rate() const { return softplus(lambda_) * -sharpness; }

Output RgLru::forward(const Variable& u, const State& state, const Context& context) const {
  check(state.empty() || state.size() == 2, "rg_lru: expected a state of 2 tensors, received ",
        state.size());
  const auto [g, input] = split<2>(in_proj_(u), {d_rnn_, d_rnn_});
  const CausalConv1dResult conv =
      causal_conv1d(input, conv_weight_, conv_bias_,
                    {.state = state.empty() ? Variable() : state[0], .resets = context.resets});
  const Variable& x = conv.y;  // [batch, time, d_rnn]
  const Variable log_a = recurrence_gate_(x) * rate();
  const Variable first = first_steps(x, context.resets, state.empty());
  const Variable root = first + (1 - first) * clipped_root(-expm1(log_a * 2));
  const LinearRecurrenceResult scan =
      linear_recurrence(root * input_gate_(x) * x, exp(log_a),
                        {.state = state.empty() ? Variable() : state[1], .resets = context.resets});
  Output out{.y = out_proj_(scan.h * gelu(g))};
  if (context.keep_state) out.state = {conv.state, scan.state};
  return out;
}

Selection RgLru::selection(const Variable& u) const {
  const NoGrad no_grad;
  const Variable input = split<2>(in_proj_(u), {d_rnn_, d_rnn_})[1];
  const Variable delta = recurrence_gate_(causal_conv1d(input, conv_weight_, conv_bias_, {}).y);
  return {delta.value().to(DType::f32).to(host),
          reshape(rate(), {d_rnn_, 1}).value().to(DType::f32).to(host)};
}

}  // namespace lw
