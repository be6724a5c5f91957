#include "kernels/discretize/discretize.h"

#include "core/parallel.h"
#include "kernels/optional_view.h"

namespace lw::kernels {
namespace {

/// (e^z - 1) / z and its derivative (e^z - f) / z, which cancel near 0: there, the power series
/// sum z^k / (k+1)!.
void zero_order_hold(complex128 z, DiscretePole& pole) {
  if (std::abs(z) > 0.5) {
    pole.f = (pole.p - 1.) / z;
    pole.df = (pole.p - pole.f) / z;
    return;
  }
  constexpr int terms = 16;
  complex128 f = 0, df = 0;
  for (int k = terms; k > 0; --k) {  // Horner's rule on f = 1 + z/2 (1 + z/3 (1 + ...))
    const complex128 inner = 1. + f;
    df = (inner + z * df) / static_cast<double>(k + 1);
    f = z * inner / static_cast<double>(k + 1);
  }
  pole.f = 1. + f;
  pole.df = df;
}

/// The numbers of one pole that the gradient needs, in double.
struct Element {
  complex128 A, B;
  double dt;
  DiscretePole pole;
};

template <class T>
class Problem {
 public:
  explicit Problem(const Discretize& in)
      : dt_(in.dt.data<T>()),
        A_(in.A.view<const C, 2>()),
        B_(optional_view<const C, 2>(in.B)),
        method_(in.method) {}
  int64_t channels() const { return A_.sizes[0]; }
  int64_t states() const { return A_.sizes[1]; }
  Element element(int64_t h, int64_t n) const {
    const complex128 A(A_(h, n));
    const auto dt = static_cast<double>(dt_[h]);
    return {A, B_.data ? complex128(B_(h, n)) : 1., dt, discrete_pole(method_, dt * A)};
  }

 private:
  using C = std::complex<T>;
  const T* dt_;
  View<const C, 2> A_, B_;
  Discretization method_;
};

constexpr int64_t grain = 16;  // channels

template <class T>
void forward_of(const Discretize& in, Tensor& Abar, Tensor& Bbar) {
  using C = std::complex<T>;
  const Problem<T> problem(in);
  const auto a = Abar.view<C, 2>(), b = Bbar.view<C, 2>();
  parallel_for(problem.channels(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h)
      for (int64_t n = 0; n < problem.states(); ++n) {
        const Element e = problem.element(h, n);
        a(h, n) = C(e.pole.p);
        b(h, n) = C(e.dt * e.pole.f * e.B);
      }
  });
}

template <class T>
void backward_of(const Discretize& in, const Tensor& dAbar, const Tensor& dBbar,
                 DiscretizeGradients& out) {
  using C = std::complex<T>;
  const Problem<T> problem(in);
  const auto ga = dAbar.view<const C, 2>(), gb = dBbar.view<const C, 2>();
  const auto dA = out.A.view<C, 2>();
  const auto dB = optional_view<C, 2>(out.B);
  T* ddt = out.dt.data<T>();
  parallel_for(problem.channels(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h) {
      double dt_sum = 0;
      for (int64_t n = 0; n < problem.states(); ++n) {
        const Element e = problem.element(h, n);
        const complex128 a(ga(h, n)), b(gb(h, n));
        const complex128 dz = a * conj(e.pole.dp) + b * conj(e.dt * e.pole.df * e.B);
        dA(h, n) = C(e.dt * dz);
        if (dB.data) dB(h, n) = C(b * conj(e.dt * e.pole.f));
        dt_sum += (dz * conj(e.A) + b * conj(e.pole.f * e.B)).real();
      }
      ddt[h] = static_cast<T>(dt_sum);
    }
  });
}

void forward(const Discretize& in, Tensor& Abar, Tensor& Bbar) {
  for_float("discretize", in.dt.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, Abar, Bbar); });
}
void backward(const Discretize& in, const Tensor& dAbar, const Tensor& dBbar,
              DiscretizeGradients& out) {
  for_float("discretize", in.dt.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(in, dAbar, dBbar, out); });
}

const Implementation cpu[] = {{discretize_forward, DeviceKind::cpu, &forward},
                              {discretize_backward, DeviceKind::cpu, &backward}};

}  // namespace

DiscretePole discrete_pole(Discretization method, complex128 z) {
  switch (method) {
    case Discretization::zoh: {
      DiscretePole pole{std::exp(z), std::exp(z)};
      zero_order_hold(z, pole);
      return pole;
    }
    case Discretization::bilinear: {
      const complex128 f = 1. / (1. - z / 2.);
      return {(1. + z / 2.) * f, f * f, f, f * f / 2.};
    }
    case Discretization::forward_euler:
      return {1. + z, 1, 1, 0};
    case Discretization::backward_euler: {
      const complex128 f = 1. / (1. - z);
      return {f, f * f, f, f * f};
    }
    case Discretization::exponential_euler:
      return {std::exp(z), std::exp(z), 1, 0};
  }
  throw Error("discretize: not a discretization");
}

}  // namespace lw::kernels
