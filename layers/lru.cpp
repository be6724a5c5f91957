#include "layers/lru.h"

#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/glu.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/linear_recurrence.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/skip_gelu.h"
#include "core/device.h"

namespace lw {

void LruOptions::describe(Fields& f) {
  f.optional("d_state", d_state, "size of the one state, counted in real numbers", even());
  f.optional("r_min", r_min, "smallest initial |lambda|", probability());
  f.optional("r_max", r_max, "largest initial |lambda|", probability());
  f.optional("max_phase", max_phase, "largest initial phase", positive());
}

namespace {

const bool registered = sequence_layers().add<LruOptions, Lru>("lru");

}  // namespace

Lru::Lru(const LruOptions& o, const Stack& stack, const Random& random)
    : mix_(child<Linear>("mix", LinearOptions{.in = stack.d_model, .out = 2 * stack.d_model},
                         random)) {
  check(o.r_min <= o.r_max, "lru: r_min is ", o.r_min, ", larger than r_max = ", o.r_max);
  const int64_t H = stack.d_model, N = o.d_state / 2;
  Tensor nu = Tensor::empty({N}, DType::f32, host), theta = Tensor::empty_like(nu),
         log_gamma = Tensor::empty_like(nu);
  for (int64_t n = 0; n < N; ++n) {
    // |lambda|^2 uniform makes lambda uniform on the ring's area. No mode has |lambda| = 0 or phase 0.
    const auto draw = [&](const char* name) {
      return std::max(1e-6, random.fork(name).uniform_at(static_cast<uint64_t>(n)));
    };
    const double square = draw("nu") * (o.r_max * o.r_max - o.r_min * o.r_min) + o.r_min * o.r_min;
    nu.data<float>()[n] = static_cast<float>(std::log(-0.5 * std::log(std::max(square, 1e-12))));
    theta.data<float>()[n] = static_cast<float>(std::log(o.max_phase * draw("theta")));
    log_gamma.data<float>()[n] = static_cast<float>(0.5 * std::log1p(-square));
  }
  nu_ = parameter("nu", nu, Role::ssm_a);
  theta_ = parameter("theta", theta, Role::ssm_a);
  log_gamma_ = parameter("log_gamma", log_gamma, Role::ssm_a);
  const auto normal = [&](const std::string& name, const Shape& shape, double variance, Role role) {
    return parameter(name, random.fork(name).normal(shape, 0, std::sqrt(variance)), role);
  };
  const auto inputs = static_cast<double>(2 * H), modes = static_cast<double>(N);
  B_real_ = normal("B_real", {N, H}, 1 / inputs, Role::ssm_b);
  B_imag_ = normal("B_imag", {N, H}, 1 / inputs, Role::ssm_b);
  C_real_ = normal("C_real", {H, N}, 1 / modes, Role::ssm_c);
  C_imag_ = normal("C_imag", {H, N}, 1 / modes, Role::ssm_c);
  D_ = normal("D", {H}, 1, Role::ssm_d);
}

Variable Lru::lambda() const {
  const Variable radius = exp(-exp(nu_)), phase = exp(theta_);
  return concat({radius * cos(phase), radius * sin(phase)});
}

Output Lru::forward(const Variable& u, const State& state, const Context& context) const {
  check(state.size() <= 1, "lru: expected a state of 1 tensor, received ", state.size());
  const Variable gamma = reshape(exp(log_gamma_), {-1, 1});
  const LinearRecurrenceResult scan = linear_recurrence(
      linear(u, concat({gamma * B_real_, gamma * B_imag_}, 0)), lambda(),
      {.state = state.empty() ? Variable() : state[0], .resets = context.resets, .complex = true});
  const Variable v = linear(scan.h, concat({C_real_, -C_imag_}, 1));
  Output out{.y = glu(mix_(skip_gelu(v, D_, u)))};
  if (context.keep_state) out.state = {scan.state};
  return out;
}

Dynamics Lru::dynamics(int64_t length) const {
  const NoGrad no_grad;
  const std::vector<double> parts = lambda().value().to_vector();
  Dynamics result{.kernel = kernel(length)};
  for (size_t n = 0, N = parts.size() / 2; n < N; ++n)
    result.poles.emplace_back(parts[n], parts[N + n]);
  return result;
}

Tensor Lru::kernel(int64_t length) const {
  const NoGrad no_grad;
  const auto numbers = [](const Variable& x) { return x.value().to_vector(); };
  const std::vector<double> parts = numbers(lambda()), gamma = numbers(exp(log_gamma_)),
                            B_re = numbers(B_real_), B_im = numbers(B_imag_),
                            C_re = numbers(C_real_), C_im = numbers(C_imag_);
  const size_t N = gamma.size(), H = C_re.size() / std::max<size_t>(N, 1);
  std::vector<complex128> poles, weights;  // weights: [channel, mode]
  for (size_t n = 0; n < N; ++n) poles.emplace_back(parts[n], parts[N + n]);
  for (size_t c = 0; c < H; ++c)
    for (size_t n = 0; n < N; ++n)
      weights.push_back(complex128(C_re[c * N + n], C_im[c * N + n]) * gamma[n] *
                        complex128(B_re[n * H + c], B_im[n * H + c]));
  return sum_of_modes(weights, poles, length);
}

}  // namespace lw
