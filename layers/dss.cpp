#include "layers/dss.h"

#include <cmath>

#include "autograd/ops/complex.h"
#include "autograd/ops/diagonal_scan.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/s4d_kernel.h"
#include "autograd/ops/shape.h"
#include "layers/hippo.h"

namespace lw {

void DssOptions::describe(Fields& f) {
  f.optional("d_state", d_state, "state size of each channel, counted in real numbers", even());
  f.optional("variant", variant, "what sets the weights of the input", one_of({"softmax", "exp"}));
  f.optional("l_max", l_max, "steps of the softmax; longer inputs go through the recurrence",
             positive());
  describe_channels(f, *this);
}

namespace {

const bool registered = sequence_layers().add<DssOptions, Dss>("dss");

/// |e^w - 1|^2 counts as at least this: a mode that does not decay is infinite at its frequency.
constexpr double least_denominator = 1e-7;

/// The modes of the softmax, each turned so that it decays: those with Re A > 0 run backwards in time.
struct Turned {
  Variable growing;  // 1 where Re A > 0, else 0
  Variable A;        // A, or -A where it grows
  Variable decay;    // e^w, w = l_max dt A of the turned A
  Variable B;        // of the turned system: 1 / (e^w - 1), or the negative where it grows

  /// dt [channel, 1]
  Turned(const Variable& given, const Variable& dt, int64_t l_max) {
    const Variable re = real(given).detach();
    growing = clamp(re * 1e38, 0, 1);
    const Variable sign = 1 - 2 * growing;
    A = sign * given;
    const Variable w = (dt * static_cast<double>(l_max)) * A, difference = expm1(w);
    decay = exp(w);
    const Variable size = abs2(difference);
    B = conj(difference) * (sign / maximum(size, constant(least_denominator, size)));
  }

  /// Of the system as it was given.
  Variable B_given() const { return B * (1 - growing + growing * decay); }
};

}  // namespace

Dss::Dss(const DssOptions& o, const Stack& stack, const Random& random)
    : ChannelSsm(setup_of("dss", o), stack, random),
      softmax_(o.variant == "softmax"),
      l_max_(o.l_max) {
  const std::vector<complex128> lambda = diagonal_lambda("legs", o.d_state, random);
  const int64_t rows = n_ssm(), N = o.d_state / 2;
  Tensor re = Tensor::empty({rows, N}, DType::f32, host), im = Tensor::empty_like(re);
  for (int64_t i = 0; i < rows * N; ++i) {
    const complex128 value = lambda[static_cast<size_t>(i % N)];
    re.data<float>()[i] = static_cast<float>(softmax_ ? value.real() : std::log(-value.real()));
    im.data<float>()[i] = static_cast<float>(value.imag());
  }
  A_real_ = parameter(softmax_ ? "A_real" : "log_A_real", re, Role::ssm_a);
  A_imag_ = parameter("A_imag", im, Role::ssm_a);
  W_ = normal_parameter("W", {stack.d_model, N}, random);
  if (o.bidirectional) W_reverse_ = normal_parameter("W_reverse", {stack.d_model, N}, random);
}

ChannelSsm::Representations Dss::represent(const Context& context) const {
  return softmax_ ? softmax(context) : exponential(context);
}

ChannelSsm::Scanned Dss::scan(const Variable& u, const State& before, const Variable& dt,
                              const Variable& A, const Variable& B, const Context& context) const {
  const auto [y, after] = sampled_diagonal_scan(u, dt, A, B, W_.value(),
                                                {.state = before.empty() ? Variable() : before[0],
                                                 .resets = context.resets,
                                                 .intervals = intervals(context, u)});
  return {y, {after}};
}

ChannelSsm::Representations Dss::exponential(const Context& context) const {
  const Variable dt = steps(context.rate), A = state_matrix();
  return {.kernel =
              [=, this](int64_t time, bool reverse) {
                return s4d_kernel(dt, A, (reverse ? W_reverse_ : W_).value(), time);
              },
          .scan = [=, this](const Variable& u,
                            const State& before) { return scan(u, before, dt, A, {}, context); },
          .shortest_preferred_scan = shortest_scan_in_chunks(dt.value())};
}

ChannelSsm::Representations Dss::softmax(const Context& context) const {
  const Variable dt = steps(context.rate), A = state_matrix();
  const Turned turned(A, reshape(steps(), {dt.size(0), 1}), l_max_);
  // l_max steps of training are `span` of this rate, begun in `whole`. A growing mode of the kernel,
  // e^{l z} / (e^{span z} - 1), is from step `whole` - 1 backwards a decaying one, and e^{-(span - whole) z} of it.
  const double span = static_cast<double>(l_max_) * context.rate;
  const auto whole = static_cast<int64_t>(std::ceil(span));
  const auto kernel = [=, this](int64_t time, bool reverse) {
    const Variable W = (reverse ? W_reverse_ : W_).value();
    const Variable decaying =
        s4d_kernel(dt, turned.A, W * (1 - turned.growing), time, {.B = turned.B});
    Variable B = turned.B;
    if (const double rest = span - static_cast<double>(whole); rest < 0)
      B = B * exp((reshape(dt, {dt.size(0), 1}) * rest) * turned.A);
    const Variable growing = s4d_kernel(dt, turned.A, W * turned.growing, whole, {.B = B});
    return decaying + slice(flip(growing, 1), 1, 0, time);
  };
  return {.kernel = kernel,
          .scan =
              [=, this](const Variable& u, const State& before) {
                return scan(u, before, dt, A, turned.B_given(), context);
              },
          .longest_convolution = whole};
}

Variable Dss::state_matrix() const {
  return for_channels(complex(softmax_ ? A_real_ : -exp(A_real_), A_imag_));
}

std::vector<complex128> Dss::poles() const {
  return poles_of(discretize(steps(), state_matrix()).Abar);
}

}  // namespace lw
