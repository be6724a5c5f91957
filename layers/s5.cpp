#include "layers/s5.h"

#include <cmath>

#include "autograd/ops/complex.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/glu.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/linear_recurrence.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/skip_gelu.h"
#include "layers/hippo.h"

namespace lw {

void S5Options::describe(Fields& f) {
  f.optional("d_state", d_state, "size of the one state, counted in real numbers", even());
  f.optional("blocks", blocks, "HiPPO matrices that the initial state matrix is made of",
             positive());
  f.optional("discretization", discretization, "how the continuous system is sampled",
             one_of({"zoh", "bilinear"}));
  f.optional("dt_min", dt_min, "smallest initial step size", positive());
  f.optional("dt_max", dt_max, "largest initial step size", positive());
  f.optional("dt_global", dt_global, "one step size for all modes");
  f.optional("c_init", c_init, "initial readout", one_of({"lecun_normal", "complex_normal"}));
  f.optional("bidirectional", bidirectional, "read whole sequences in both directions");
}

namespace {

const bool registered = sequence_layers().add<S5Options, S5>("s5");

/// f(row, column) as a tensor.
template <class F>
Tensor tensor_of(const Shape& shape, F f) {
  Tensor t = Tensor::empty(shape, DType::f32, host);
  const int64_t columns = shape[shape.rank() - 1];
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = static_cast<float>(f(i / columns, i % columns));
  return t;
}

/// The eigenvectors of `blocks` matrices of HiPPO-LegS on the diagonal of one.
struct Modes {
  Nplr block;
  int64_t each, total;  // modes

  Modes(int64_t d_state, int64_t blocks)
      : block(nplr("legs", d_state / blocks)), each(d_state / blocks / 2), total(d_state / 2) {}

  complex128 lambda(int64_t n) const { return block.lambda[static_cast<size_t>(n % each)]; }
  /// V[row, n] for a row of the whole matrix; zero outside the block of n.
  complex128 V(int64_t row, int64_t n) const {
    return row / (2 * each) == n / each
               ? block.V[static_cast<size_t>(row % (2 * each) * each + n % each)]
               : 0;
  }
};

/// V^* W for a real W [d_state, columns], as [mode, column].
std::vector<complex128> into_modes(const Modes& modes, const Tensor& W) {
  const int64_t columns = W.size(1), rows = 2 * modes.each;
  const Tensor w = W.to(host);
  std::vector<complex128> result(static_cast<size_t>(modes.total * columns));
  for (int64_t n = 0; n < modes.total; ++n)
    for (int64_t r = n / modes.each * rows; r < (n / modes.each + 1) * rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        result[static_cast<size_t>(n * columns + c)] +=
            std::conj(modes.V(r, n)) * static_cast<double>(w.data<float>()[r * columns + c]);
  return result;
}

/// Real parts and then imaginary parts along an axis.
Variable parts(const Variable& z, int axis = -1) { return concat({real(z), imag(z)}, axis); }

/// Where a document starts for one who reads it from its end.
Tensor starts_from_end(const Tensor& resets) {
  if (!resets) return {};
  return flip(pad(slice(resets, 1, 1, resets.size(1)), 1, 0, 1), 1).value();
}

}  // namespace

S5::S5(const S5Options& o, const Stack& stack, const Random& random)
    : method_(o.discretization == "bilinear" ? Discretization::bilinear : Discretization::zoh),
      mix_(child<Linear>("mix", LinearOptions{.in = stack.d_model, .out = 2 * stack.d_model},
                         random)) {
  check(o.dt_min <= o.dt_max, "s5: dt_min is ", o.dt_min, ", larger than dt_max = ", o.dt_max);
  check(o.d_state % (2 * o.blocks) == 0, "s5: d_state is ", o.d_state, ", which ", o.blocks,
        " blocks of conjugate pairs do not divide\n  take a multiple of ", 2 * o.blocks);
  const int64_t H = stack.d_model, P = o.d_state;
  const Modes modes(P, o.blocks);
  const int64_t N = modes.total;
  log_dt_ = parameter(
      "log_dt",
      random.fork("log_dt").uniform({o.dt_global ? 1 : N}, std::log(o.dt_min), std::log(o.dt_max)),
      Role::ssm_dt);
  log_A_real_ = parameter(
      "log_A_real",
      tensor_of({N}, [&](int64_t, int64_t n) { return std::log(-modes.lambda(n).real()); }),
      Role::ssm_a);
  A_imag_ = parameter("A_imag",
                      tensor_of({N}, [&](int64_t, int64_t n) { return modes.lambda(n).imag(); }),
                      Role::ssm_a);

  // Real maps of the real state, seen in its eigenvectors: V^* B, and C V = (V^* C^T)^*.
  const auto B =
      into_modes(modes, random.fork("B").normal({P, H}, 0, 1 / std::sqrt(static_cast<double>(H))));
  const auto at = [](const std::vector<complex128>& values, int64_t i) {
    return values[static_cast<size_t>(i)];
  };
  B_real_ = parameter(
      "B_real", tensor_of({N, H}, [&](int64_t n, int64_t c) { return at(B, n * H + c).real(); }),
      Role::ssm_b);
  B_imag_ = parameter(
      "B_imag", tensor_of({N, H}, [&](int64_t n, int64_t c) { return at(B, n * H + c).imag(); }),
      Role::ssm_b);
  const auto readout = [&](const std::string& name, Variable& re, Variable& im) {
    const Random draws = random.fork(name);
    if (o.c_init == "complex_normal") {  // E|C|^2 = 1
      re = parameter(name + "_real", draws.fork("real").normal({H, N}, 0, std::sqrt(0.5)),
                     Role::ssm_c);
      im = parameter(name + "_imag", draws.fork("imag").normal({H, N}, 0, std::sqrt(0.5)),
                     Role::ssm_c);
      return;
    }
    const auto C =
        into_modes(modes, draws.normal({P, H}, 0, 1 / std::sqrt(static_cast<double>(P))));
    re = parameter(name + "_real",
                   tensor_of({H, N}, [&](int64_t h, int64_t n) { return at(C, n * H + h).real(); }),
                   Role::ssm_c);
    im =
        parameter(name + "_imag",
                  tensor_of({H, N}, [&](int64_t h, int64_t n) { return -at(C, n * H + h).imag(); }),
                  Role::ssm_c);
  };
  readout("C", C_real_, C_imag_);
  if (o.bidirectional) readout("C_reverse", C_reverse_real_, C_reverse_imag_);
  D_ = parameter("D", random.fork("D").normal({H}), Role::ssm_d);
}

Variable S5::state_matrix() const { return reshape(complex(-exp(log_A_real_), A_imag_), {-1, 1}); }

Variable S5::steps(double rate) const {
  return exp(log_dt_) * (1 / rate) + Tensor::zeros_like(log_A_real_.value());  // one for all
}

S5::Driven S5::drive(const Variable& u, const Context& context) const {
  const Variable A = state_matrix(), dt = steps(context.rate), B = complex(B_real_, B_imag_);
  if (!context.intervals) {
    const DiscretizeResult step = discretize(dt, A, {}, method_);
    return {linear(u, parts(step.Bbar * B, 0)), reshape(parts(step.Abar, 0), {-1})};
  }
  const Variable lambda = reshape(A, {-1});
  const Variable interval =
      reshape(context.intervals.to(u.device()).to(u.dtype()), {u.size(0), u.size(1), 1});
  const Variable z = interval * dt * lambda;  // [batch, time, mode]
  const Variable nothing = Tensor::zeros_like(imag(z).value());
  const Variable one = complex(nothing + 1, nothing);
  const Variable risen =
      method_ == Discretization::zoh ? expm1(z) : z / (one - z * 0.5);  // Abar - 1 = lambda Bbar
  const auto [re, im] = split<2>(linear(u, parts(B, 0)), {lambda.size(0), lambda.size(0)});
  return {parts(risen / lambda * complex(re, im)), parts(one + risen)};
}

Output S5::forward(const Variable& u, const State& state, const Context& context) const {
  check(state.size() <= 1, "s5: expected a state of 1 tensor, received ", state.size());
  check(causal() || (state.empty() && !context.keep_state),
        "s5: a bidirectional layer reads whole sequences; it takes and gives no state");
  const auto read = [](const Variable& x, const Variable& re, const Variable& im) {
    return linear(x, concat({re * 2, im * -2}, 1));
  };
  check(causal() || !context.intervals,
        "s5: the intervals before each sample are none for a reading from the end; a bidirectional "
        "layer takes none");
  const Driven driven = drive(u, context);
  const LinearRecurrenceResult scan = linear_recurrence(
      driven.x, driven.a,
      {.state = state.empty() ? Variable() : state[0], .resets = context.resets, .complex = true});
  Variable v = read(scan.h, C_real_, C_imag_);
  if (!causal()) {
    const LinearRecurrenceResult back = linear_recurrence(
        flip(driven.x, 1), driven.a, {.resets = starts_from_end(context.resets), .complex = true});
    v = v + read(flip(back.h, 1), C_reverse_real_, C_reverse_imag_);
  }
  Output out{.y = glu(mix_(skip_gelu(v, D_, u)))};
  if (context.keep_state) out.state = {scan.state};
  return out;
}

Dynamics S5::dynamics(int64_t length) const {
  const NoGrad no_grad;
  const Tensor poles = discretize(steps(1), state_matrix(), {}, method_)
                           .Abar.value()
                           .to(DType::c128)
                           .to(host)
                           .contiguous();
  return {.poles = {poles.data<complex128>(), poles.data<complex128>() + poles.numel()},
          .step_sizes = steps(1).value().to_vector(),
          .kernel = kernel(length)};
}

Tensor S5::kernel(int64_t length) const {
  const NoGrad no_grad;
  const DiscretizeResult step = discretize(steps(1), state_matrix(), {}, method_);
  // C_cn Bbar_n B_nc of every channel, [channel, mode]: the diagonal of the kernel's matrix
  const Variable weights =
      complex(C_real_, C_imag_) * transpose(step.Bbar * complex(B_real_, B_imag_), 0, 1);
  const auto numbers = [](const Variable& x) {
    const Tensor values = x.value().to(DType::c128).to(host).contiguous();
    return std::vector(values.data<complex128>(), values.data<complex128>() + values.numel());
  };
  std::vector<complex128> of_pairs = numbers(weights);
  for (complex128& weight : of_pairs) weight *= 2;
  return sum_of_modes(of_pairs, numbers(step.Abar), length);
}

}  // namespace lw
