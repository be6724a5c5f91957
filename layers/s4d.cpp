#include "layers/s4d.h"

#include <cmath>

#include "autograd/ops/diagonal_scan.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/s4d_kernel.h"
#include "layers/hippo.h"

namespace lw {

void S4DOptions::describe(Fields& f) {
  f.optional("d_state", d_state, "state size of each channel, counted in real numbers", even());
  f.optional("init", init, "initial state matrix", one_of(diagonal_inits()));
  f.optional("discretization", discretization, "how the continuous system is sampled",
             one_of({"zoh", "bilinear"}));
  describe_channels(f, *this);
}

namespace {

const bool registered = sequence_layers().add<S4DOptions, S4D>("s4d");

/// `value(n)` in every one of `rows` rows.
template <class F>
Tensor rows_of(int64_t rows, int64_t columns, F value) {
  Tensor t = Tensor::empty({rows, columns}, DType::f32, host);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = static_cast<float>(value(static_cast<size_t>(i % columns)));
  return t;
}

}  // namespace

S4D::S4D(const S4DOptions& o, const Stack& stack, const Random& random)
    : ChannelSsm(setup_of("s4d", o), stack, random),
      conjugate_pairs_(o.init != "real"),
      method_(o.discretization == "bilinear" ? Discretization::bilinear : Discretization::zoh) {
  const std::vector<complex128> lambda = diagonal_lambda(o.init, o.d_state, random.fork("A"));
  const auto N = static_cast<int64_t>(lambda.size());
  log_A_real_ = parameter(
      "log_A_real", rows_of(n_ssm(), N, [&](size_t n) { return std::log(-lambda[n].real()); }),
      Role::ssm_a);
  if (conjugate_pairs_)
    A_imag_ = parameter("A_imag", rows_of(n_ssm(), N, [&](size_t n) { return lambda[n].imag(); }),
                        Role::ssm_a);
  C_ = readout("C", {stack.d_model, N}, random);
  if (o.bidirectional) C_reverse_ = readout("C_reverse", {stack.d_model, N}, random);
}

ComplexParameter S4D::readout(const std::string& name, const Shape& shape, const Random& random) {
  if (conjugate_pairs_) return normal_parameter(name, shape, random);
  const std::string real = name + "_real";
  return {parameter(real, random.fork(real).normal(shape), Role::ssm_c), {}};
}

Variable S4D::state_matrix() const {
  return for_channels(ComplexParameter{-exp(log_A_real_), A_imag_}.value());
}

ChannelSsm::Representations S4D::represent(const Context& context) const {
  const Variable dt = steps(context.rate), A = state_matrix();  // [channel], [channel, state]
  const auto kernel = [=, this](int64_t time, bool reverse) {
    return s4d_kernel(dt, A, (reverse ? C_reverse_ : C_).value(), time,
                      {.method = method_, .conjugate_pairs = conjugate_pairs_});
  };
  const auto scan = [=, this](const Variable& u, const State& before) -> Scanned {
    const auto [y, after] = sampled_diagonal_scan(u, dt, A, {}, C_.value(),
                                                  {.state = before.empty() ? Variable() : before[0],
                                                   .resets = context.resets,
                                                   .conjugate_pairs = conjugate_pairs_,
                                                   .intervals = intervals(context, u),
                                                   .method = method_});
    return {y, {after}};
  };
  return {.kernel = kernel,
          .scan = scan,
          .shortest_preferred_scan = shortest_scan_in_chunks(dt.value())};
}

std::vector<complex128> S4D::poles() const {
  return poles_of(discretize(steps(), state_matrix(), {}, method_).Abar);
}

}  // namespace lw
