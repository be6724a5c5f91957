#include "core/parallel.h"
#include "kernels/discretize/pole.h"
#include "kernels/optional_view.h"

namespace lw::kernels {
namespace {

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
  DiscreteElement<complex128> element(int64_t h, int64_t n) const {
    return {method_, static_cast<double>(dt_[h]), complex128(A_(h, n)),
            B_.data ? complex128(B_(h, n)) : 1.};
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
        const auto e = problem.element(h, n);
        a(h, n) = C(e.pole.p);
        b(h, n) = C(e.Bbar());
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
        const auto d = problem.element(h, n).gradients(complex128(ga(h, n)), complex128(gb(h, n)));
        dA(h, n) = C(d.A);
        if (dB.data) dB(h, n) = C(d.B);
        dt_sum += d.dt.real();
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
}  // namespace lw::kernels
