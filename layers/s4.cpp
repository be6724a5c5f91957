#include "layers/s4.h"

#define EIGEN_DONT_PARALLELIZE  // threads come from core/parallel.h alone
#include <Eigen/Dense>
#include <cmath>

#include "autograd/ops/complex.h"
#include "autograd/ops/dplr_scan.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/s4_kernel.h"
#include "autograd/ops/s4_readout.h"
#include "kernels/fft/fft_plan.h"
#include "layers/hippo.h"

namespace lw {

namespace {

/// The HiPPO measures that are normal plus low rank.
std::vector<std::string> low_rank_measures() {
  std::vector<std::string> names = hippo_measures();
  std::erase_if(names, [](const std::string& name) { return !hippo(name, 2).correction; });
  return names;
}

}  // namespace

void S4Options::describe(Fields& f) {
  f.optional("d_state", d_state, "state size of each channel, counted in real numbers", even());
  f.optional("init", init, "HiPPO measure that A, B and P start from", one_of(low_rank_measures()));
  f.optional("l_max", l_max,
             "usual length of inputs, for which the readout is kept: weights are of one l_max",
             positive());
  describe_channels(f, *this);
}

namespace {

const bool registered = sequence_layers().add<S4Options, S4>("s4");

/// -Re lambda stays above this: the spectrum of a mode that does not decay is infinite at its frequency.
constexpr double least_decay = 1e-4;

/// `values` [leading, state], the same in every row: [leading, row, state].
Tensor in_rows(const std::vector<complex128>& values, int64_t leading, int64_t rows,
               int64_t states) {
  Tensor t = Tensor::empty({leading, rows, states}, DType::c64, host);
  for (int64_t i = 0; i < t.numel(); ++i) {
    const int64_t r = i / (rows * states), n = i % states;
    t.data<complex64>()[i] = complex64(values[static_cast<size_t>(r * states + n)]);
  }
  return t;
}

}  // namespace

S4::S4(const S4Options& o, const Stack& stack, const Random& random)
    : ChannelSsm(setup_of("s4", o), stack, random), length_(kernels::next_fast_length(o.l_max)) {
  const int64_t rows = n_ssm(), N = o.d_state / 2;
  const Nplr form = nplr(o.init, o.d_state);
  Tensor log_real = Tensor::empty({rows, N}, DType::f32, host), imag = Tensor::empty_like(log_real);
  for (int64_t i = 0; i < rows * N; ++i) {
    const complex128 value = form.lambda[static_cast<size_t>(i % N)];
    log_real.data<float>()[i] =
        static_cast<float>(std::log(std::max(-value.real() - least_decay, least_decay)));
    imag.data<float>()[i] = static_cast<float>(value.imag());
  }
  log_A_real_ = parameter("log_A_real", log_real, Role::ssm_a);
  A_imag_ = parameter("A_imag", imag, Role::ssm_a);
  if (form.rank > 0) P_ = complex_parameter("P", in_rows(form.P, form.rank, rows, N), Role::ssm_a);
  B_ = complex_parameter("B", in_rows(form.B, 1, rows, N).reshape({rows, N}), Role::ssm_b);
  Ct_ = readout("Ct", {stack.d_model, N}, random);
  if (o.bidirectional) Ct_reverse_ = readout("Ct_reverse", {stack.d_model, N}, random);
}

ComplexParameter S4::readout(const std::string& name, const Shape& shape, const Random& random) {
  const NoGrad no_grad;
  const double deviation = std::sqrt(0.5);  // E|C|^2 = 1
  const Variable C = complex(random.fork(name + "_real").normal(shape, 0, deviation),
                             random.fork(name + "_imag").normal(shape, 0, deviation));
  return complex_parameter(
      name, s4_truncated_readout(steps(), lambda(), for_channels(P_.value()), C, length_).value(),
      Role::ssm_c);
}

Variable S4::lambda() const {
  return for_channels(complex(-(exp(log_A_real_) + least_decay), A_imag_));
}

ChannelSsm::Representations S4::represent(const Context& context) const {
  const Variable dt = steps(context.rate), A = lambda(), P = for_channels(P_.value()),
                 B = for_channels(B_.value());
  const bool usual = context.rate == 1;
  const auto plain = [=, this](const Variable& Ct) {
    return s4_readout(usual ? dt : steps(), A, P, Ct, length_);
  };
  const auto kernel = [=, this](int64_t time, bool reverse) {
    Variable Ct = (reverse ? Ct_reverse_ : Ct_).value();
    if (!usual) Ct = s4_truncated_readout(dt, A, P, plain(Ct), length_);
    int64_t length = length_;
    for (; length < time; length *= 2) Ct = s4_doubled_readout(dt, A, P, Ct, length);
    return s4_kernel(dt, A, P, B, Ct, {.time = time, .length = length});
  };
  const auto scan = [=, this](const Variable& u, const State& before) -> Scanned {
    const Variable C = before.empty() ? plain(Ct_.value()) : before[1];
    const auto [y, after] = dplr_scan(u, dt, A, P, B, C,
                                      {.state = before.empty() ? Variable() : before[0],
                                       .resets = context.resets,
                                       .intervals = intervals(context, u)});
    return {y, {after, C}};
  };
  return {.kernel = kernel, .scan = scan, .state_tensors = 2};
}

std::vector<complex128> S4::poles() const {
  const auto host_values = [](const Variable& x) {
    return x.value().to(DType::c128).to(host).contiguous();
  };
  const Tensor A = host_values(lambda()),
               P = P_.defined() ? host_values(for_channels(P_.value())) : Tensor();
  const std::vector<double> dt = steps().value().to_vector();
  const int64_t channels = A.size(0), half = A.size(1), ranks = P ? P.size(0) : 0;
  std::vector<complex128> poles;
  for (int64_t h = 0; h < channels; ++h) {
    // z' = A z - 2 P Re(P* z), in the coordinates (Re z_1, Im z_1, Re z_2, ...)
    Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(2 * half, 2 * half);
    for (int64_t n = 0; n < half; ++n) {
      const complex128 a = A.data<complex128>()[h * half + n];
      matrix.block<2, 2>(2 * n, 2 * n) << a.real(), -a.imag(), a.imag(), a.real();
    }
    for (int64_t r = 0; r < ranks; ++r) {
      const complex128* column = P.data<complex128>() + (r * channels + h) * half;
      const Eigen::Map<const Eigen::VectorXd> p(reinterpret_cast<const double*>(column), 2 * half);
      matrix -= 2 * p * p.transpose();
    }
    for (const complex128 a : eigenvalues(matrix.data(), 2 * half)) {
      const complex128 z = dt[static_cast<size_t>(h)] / 2 * a;
      poles.push_back((1. + z) / (1. - z));
    }
  }
  return poles;
}

}  // namespace lw
