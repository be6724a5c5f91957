// The discretisations as they are written in books, in double, to be read beside
// kernels/discretize/README.md; and random stable systems.
#pragma once

#include <cmath>
#include <complex>
#include <cstring>
#include <vector>

#include "core/random.h"
#include "kernels/discretize/discretize.h"

namespace lw::reference {

struct DiscreteElement {
  complex128 Abar, Bbar;
};

inline DiscreteElement discretize(kernels::Discretization method, double dt, complex128 A,
                                  complex128 B) {
  using kernels::Discretization;
  const complex128 z = dt * A;
  switch (method) {
    case Discretization::zoh: {
      const std::complex<long double> w(z), one(1);  // e^w - 1 cancels
      return {std::exp(z), complex128((std::exp(w) - one) / w) * dt * B};
    }
    case Discretization::bilinear:
      return {(2. + z) / (2. - z), 2. * dt * B / (2. - z)};
    case Discretization::forward_euler:
      return {1. + z, dt * B};
    case Discretization::backward_euler:
      return {1. / (1. - z), dt * B / (1. - z)};
    default:
      return {std::exp(z), dt * B};
  }
}

inline constexpr kernels::Discretization discretizations[] = {
    kernels::Discretization::zoh, kernels::Discretization::bilinear,
    kernels::Discretization::forward_euler, kernels::Discretization::backward_euler,
    kernels::Discretization::exponential_euler};

/// Independent normal parts.
inline Tensor complex_noise(const Shape& shape, DType real, uint64_t seed) {
  const Device device = default_device();
  const DeviceScope on_host(host);
  const Tensor parts = Random(seed).normal(shape.inserted(shape.rank(), 2), 0, 1, real);
  Tensor result = Tensor::empty(shape, complex_of(real));
  std::memcpy(result.raw(), parts.raw(), static_cast<size_t>(result.bytes()));
  return result.to(device);
}

/// A = -1/2 + i pi n with some noise, where Re A stays negative.
inline Tensor stable_poles(int64_t channels, int64_t states, DType real, uint64_t seed) {
  Tensor A = complex_noise({channels, states}, DType::f64, seed).to(host);
  auto* a = A.data<complex128>();
  for (int64_t i = 0; i < A.numel(); ++i)
    a[i] = {-0.5 * std::exp(0.3 * a[i].real()),
            3.14159 * static_cast<double>(i % states) + 0.3 * a[i].imag()};
  return A.to(complex_of(real)).to(default_device());
}

/// Steps spread from 1e-3 to 0.1, times `scale`.
inline Tensor steps(int64_t channels, DType real, double scale = 1) {
  std::vector<double> dt;
  for (int64_t h = 0; h < channels; ++h)
    dt.push_back(scale * 1e-3 * std::pow(100., static_cast<double>(h % 7) / 6));
  return Tensor::from({channels}, dt).to(real);
}

/// Element i of a complex tensor, as double.
inline complex128 complex_at(const Tensor& any, int64_t h, int64_t n) {
  const Tensor t = any.to(host);
  if (t.dtype() == DType::c128) return t.view<const complex128, 2>()(h, n);
  return complex128(t.view<const complex64, 2>()(h, n));
}

}  // namespace lw::reference
