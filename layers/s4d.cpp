#include "layers/s4d.h"

#include <cmath>

#include "autograd/ops/complex.h"
#include "autograd/ops/diagonal_scan.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/glu.h"
#include "autograd/ops/long_conv.h"
#include "autograd/ops/s4d_kernel.h"
#include "layers/hippo.h"

namespace lw {

void S4DOptions::describe(Fields& f) {
  f.optional("d_state", d_state, "state size of each channel, counted in real numbers", even());
  f.optional("init", init, "initial state matrix", one_of(diagonal_inits()));
  f.optional("discretization", discretization, "how the continuous system is sampled",
             one_of({"zoh", "bilinear"}));
  f.optional("dt_min", dt_min, "smallest initial step size", positive());
  f.optional("dt_max", dt_max, "largest initial step size", positive());
  f.optional("bidirectional", bidirectional, "read whole sequences in both directions");
}

namespace {

const bool registered = sequence_layers().add<S4DOptions, S4D>("s4d");

/// Inputs of fewer steps go through the recurrence, which is then the cheaper of the two.
constexpr int64_t shortest_convolution = 16;

/// `values` in every one of `rows` rows.
template <class F>
Tensor rows_of(int64_t rows, int64_t columns, F value) {
  Tensor t = Tensor::empty({rows, columns}, DType::f32, host);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = static_cast<float>(value(static_cast<size_t>(i % columns)));
  return t;
}

}  // namespace

S4D::S4D(const S4DOptions& o, const Stack& stack, const Random& random)
    : conjugate_pairs_(o.init != "real"),
      method_(o.discretization == "bilinear" ? Discretization::bilinear : Discretization::zoh),
      mix_(child<Linear>("mix", LinearOptions{.in = stack.d_model, .out = 2 * stack.d_model},
                         random)) {
  check(o.dt_min <= o.dt_max, "s4d: dt_min is ", o.dt_min, ", larger than dt_max = ", o.dt_max);
  const int64_t H = stack.d_model;
  const std::vector<complex128> lambda = diagonal_lambda(o.init, o.d_state, random.fork("A"));
  const auto N = static_cast<int64_t>(lambda.size());
  log_dt_ = parameter("log_dt",
                      random.fork("log_dt").uniform({H}, std::log(o.dt_min), std::log(o.dt_max)),
                      Role::ssm_dt);
  log_A_real_ =
      parameter("log_A_real", rows_of(H, N, [&](size_t n) { return std::log(-lambda[n].real()); }),
                Role::ssm_a);
  if (conjugate_pairs_)
    A_imag_ =
        parameter("A_imag", rows_of(H, N, [&](size_t n) { return lambda[n].imag(); }), Role::ssm_a);
  C_ = output_map("C", {H, N}, random);
  if (o.bidirectional) C_reverse_ = output_map("C_reverse", {H, N}, random);
  D_ = parameter("D", random.fork("D").normal({H}), Role::ssm_d);
}

S4D::ComplexParameter S4D::output_map(const std::string& name, const Shape& shape,
                                      const Random& random) {
  const double deviation = conjugate_pairs_ ? std::sqrt(0.5) : 1;  // E|C|^2 = 1
  const std::string real = name + "_real", imag = name + "_imag";
  ComplexParameter c{
      .real = parameter(real, random.fork(real).normal(shape, 0, deviation), Role::ssm_c)};
  if (conjugate_pairs_)
    c.imag = parameter(imag, random.fork(imag).normal(shape, 0, deviation), Role::ssm_c);
  return c;
}

Variable S4D::ComplexParameter::value() const {
  return complex(real, imag.defined() ? imag : Variable(Tensor::zeros_like(real.value())));
}

Variable S4D::state_matrix() const { return ComplexParameter{-exp(log_A_real_), A_imag_}.value(); }

Output S4D::forward(const Variable& u, const State& state, const Context& context) const {
  check(state.size() <= 1, "s4d: expected a state of 1 tensor, received ", state.size());
  check(causal() || (state.empty() && !context.keep_state),
        "s4d: a bidirectional layer reads whole sequences; it takes and gives no state");
  const int64_t time = u.size(1);
  const Variable dt = exp(log_dt_), A = state_matrix(),
                 C = C_.value();  // [channel], [channel, state] twice
  const Variable before = state.empty() ? Variable() : state[0];

  // A convolution of packed documents neither starts from a state nor leaves one: the recurrence does both.
  const bool stateful = before.defined() || context.keep_state;
  const bool convolve =
      !causal() || (!(context.resets.defined() && stateful) &&
                    (context.mode == Mode::convolution ||
                     (context.mode == Mode::automatic && time >= shortest_convolution)));
  Output out;
  Variable v;  // [batch, time, channel]
  if (convolve) {
    const S4dKernelOptions how{.method = method_, .conjugate_pairs = conjugate_pairs_};
    v = long_conv(u, s4d_kernel(dt, A, C, time, how), D_, {.resets = context.resets});
    if (!causal())
      v = v + long_conv(u, s4d_kernel(dt, A, C_reverse_.value(), time, how), {},
                        {.reverse = true, .resets = context.resets});
    if (stateful) {
      const DiscretizeResult step = discretize(dt, A, {}, method_);
      if (before.defined())
        v = v + diagonal_state_response(step.Abar, C, before, time, conjugate_pairs_);
      if (context.keep_state) out.state = {diagonal_final_state(u, step.Abar, step.Bbar, before)};
    }
  } else {
    const DiscretizeResult step = discretize(dt, A, {}, method_);
    const DiagonalScanResult scan = diagonal_scan(
        u, step.Abar, step.Bbar, C,
        {.state = before, .resets = context.resets, .conjugate_pairs = conjugate_pairs_});
    v = scan.y + D_ * u;
    if (context.keep_state) out.state = {scan.state};
  }
  out.y = glu(mix_(gelu(v)));
  return out;
}

}  // namespace lw
