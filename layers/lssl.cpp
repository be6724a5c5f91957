#include "layers/lssl.h"

#include <algorithm>

#include "autograd/fixed_weights.h"
#include "autograd/ops/dense_scan.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/inverse.h"
#include "autograd/ops/krylov.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "layers/hippo.h"

namespace lw {

void LsslOptions::describe(Fields& f) {
  f.optional("d_state", d_state, "state size of each channel", positive());
  f.optional("init", init, "measure that A and B start from", one_of(hippo_measures()));
  f.optional("alpha", alpha, "weight of the new state in the bilinear rule", between(0, 1));
  f.optional("learn_a", learn_a, "whether A is trained");
  f.optional("learn_dt", learn_dt, "whether step sizes are trained");
  describe_channels(f, *this);
}

namespace {

const bool registered = sequence_layers().add<LsslOptions, Lssl>("lssl");

Tensor identity(int64_t N) {
  std::vector<float> values(static_cast<size_t>(N * N));
  for (int64_t i = 0; i < N; ++i) values[static_cast<size_t>(i * (N + 1))] = 1;
  return Tensor::from({N, N}, values);
}

/// What is not learned, in the precision of what is.
Variable in_precision_of(const Variable& u, const Variable& constant) {
  return constant.dtype() == u.dtype() ? constant : Variable(constant.value().to(u.dtype()));
}

}  // namespace

Lssl::Lssl(const LsslOptions& o, const Stack& stack, const Random& random)
    : ChannelSsm(setup_of("lssl", o, o.learn_dt), stack, random),
      N_(o.d_state),
      alpha_(o.alpha),
      identity_(identity(o.d_state)) {
  const int64_t N = N_;
  Tensor A = Tensor::empty({n_ssm(), N, N}, DType::f32, host),
         B = Tensor::empty({n_ssm(), N}, DType::f32, host);
  for (int64_t s = 0; s < n_ssm(); ++s) {
    const Hippo system = hippo(o.init, N, random.fork("A").fork(static_cast<uint64_t>(s)));
    A.select(0, s).copy_from(Tensor::from({N, N}, system.A).to(host));
    B.select(0, s).copy_from(Tensor::from({N}, system.B).to(host));
  }
  A = A.to(default_device());
  A_ = o.learn_a ? parameter("A", A, Role::ssm_a) : Variable(buffer("A", A));
  B_ = parameter("B", B.to(default_device()), Role::ssm_b);
  const auto readout = [&](const std::string& name) {
    return parameter(name, random.fork(name).normal({stack.d_model, N}), Role::ssm_c);
  };
  C_ = readout("C");
  if (o.bidirectional) C_reverse_ = readout("C_reverse");
}

Lssl::Sampled Lssl::sampled(const Variable& dt, bool fixed) const {
  const Variable step = reshape(dt, {-1, n_ssm(), 1, 1}), A = in_precision_of(dt, A_),
                 B = reshape(B_, {n_ssm(), N_, 1}), I = identity_.to(dt.dtype());
  const Shape matrices{dt.value().numel(), N_, N_}, vectors{dt.value().numel(), N_};
  if (alpha_ == 0) return {reshape(I + step * A, matrices), reshape(step * B, vectors)};
  const auto solve = [&] { return inverse(I - step * alpha_ * A); };
  const Variable X = fixed ? FixedWeights::derive(this, solve) : solve();
  const Variable Abar = alpha_ == 1 ? X : X * (1 / alpha_) - I * (1 / alpha_ - 1);
  return {reshape(Abar, matrices), reshape(step * matmul(X, B), vectors)};
}

Variable Lssl::step_sizes(double rate) const { return in_precision_of(B_, steps(rate)); }

ChannelSsm::Representations Lssl::represent(const Context& context) const {
  if (context.intervals.defined())
    return {.scan = [=, this](const Variable& u, const State& before) {
      return irregular_scan(u, before, context);
    }};
  const Sampled system = sampled(step_sizes(context.rate), context.rate == 1);
  const auto matrix = [](const Variable& C) { return reshape(C, {C.size(0), 1, C.size(1)}); };
  const auto kernel = [=, this](int64_t time, bool reverse) {
    const Variable K = krylov(system.A, system.B, matrix(reverse ? C_reverse_ : C_), time);
    return reshape(K, {K.size(0), time});
  };
  const auto scan = [=, this](const Variable& u, const State& before) -> Scanned {
    const auto [y, after] =
        dense_scan(u, system.A, system.B, matrix(C_),
                   {.state = before.empty() ? Variable() : before[0], .resets = context.resets});
    return {reshape(y, u.shape()), {after}};
  };
  return {.kernel = kernel, .scan = scan};
}

std::vector<complex128> Lssl::poles() const {
  const Tensor A = A_.value().to(DType::f64).to(host).contiguous();
  const std::vector<double> dt = steps().value().to_vector();
  std::vector<complex128> result;
  for (size_t h = 0; h < dt.size(); ++h) {
    const auto system = static_cast<int64_t>(h) % n_ssm();
    for (const complex128 lambda : eigenvalues(A.data<double>() + system * N_ * N_, N_))
      result.push_back((1. + (1 - alpha_) * dt[h] * lambda) / (1. - alpha_ * dt[h] * lambda));
  }
  return result;
}

ChannelSsm::Scanned Lssl::irregular_scan(const Variable& u, const State& state,
                                         const Context& context) const {
  // Every channel of every row is a system of its own, and another one at every step. Some steps are sampled together.
  constexpr int64_t together = 16;
  const int64_t batch = u.size(0), time = u.size(1), channels = u.size(2),
                systems = batch * channels;
  const Variable dt = reshape(step_sizes(context.rate), {1, 1, channels}),
                 C = reshape(C_ + Tensor::zeros({batch, 1, 1}, u.dtype(), u.device()),
                             {systems, 1, N_});
  // [time, batch], so that a step is a slice
  const auto by_step = [](const Variable& of_rows) { return transpose(of_rows, 0, 1); };
  const Variable inputs = by_step(u), intervals = by_step(ChannelSsm::intervals(context, u)),
                 starts = context.resets ? by_step(context.resets.to(u.dtype())) : Variable();
  Variable x = state.empty() ? Variable(Tensor::zeros({batch, channels, N_}, u.dtype(), u.device()))
                             : state[0];
  Variables ys;
  Sampled system;
  for (int64_t t = 0; t < time; ++t) {
    const int64_t k = t % together;
    if (k == 0) {
      const Variable now = slice(intervals, 0, t, std::min(t + together, time));
      system = sampled(reshape(now, {-1, batch, 1}) * dt, false);
    }
    const auto at = [&](const Variable& of_steps) {
      return slice(of_steps, 0, k * systems, (k + 1) * systems);
    };
    if (starts) x = x * (1 - reshape(slice(starts, 0, t, t + 1), {batch, 1, 1}));
    const DenseScanResult step =
        dense_scan(reshape(slice(inputs, 0, t, t + 1), {1, 1, systems}), at(system.A), at(system.B),
                   C, {.state = reshape(x, {1, systems, N_})});
    x = reshape(step.state, {batch, channels, N_});
    ys.push_back(reshape(step.y, {batch, 1, channels}));
  }
  return {ys.empty() ? u : concat(ys, 1), {x}};
}

}  // namespace lw
