// The generating function of one channel at one node, in the registers of a CUDA thread. The notation is
// that of README.md. Internal; for .cu files.
#pragma once

#include "core/cuda_launch.h"
#include "kernels/complex_cuda.h"
#include "kernels/s4_kernel/s4_element.h"

namespace lw::kernels::s4 {

using Z = Complex<double>;

/// cos and sin of theta_j / 2, and the real factors of a channel with step dt.
struct Node {
  double cosine, sine, tau, sigma;

  __device__ Node(int64_t j, int64_t length, double dt) {
    sincospi(static_cast<double>(j) / static_cast<double>(length), &sine, &cosine);
    tau = dt * cosine;
    sigma = 2 * sine;
  }
  /// e^{i theta_j / 2} z
  __device__ Z turned(Z z) const { return Z{cosine, sine} * z; }
};

/// 1/D = p - i q at one node, for one element of the state.
struct Pole {
  double p, q;

  __device__ Pole(double tau, double sigma, double magnitude, double twice_real) {
    const double x = tau * magnitude, re = (x - sigma) * (x + sigma), im = tau * sigma * twice_real;
    const double inverse = 1 / (re * re + im * im);
    p = re * inverse;
    q = im * inverse;
  }
};

/// F = S_CB - tau S_CP M S_QB with M = (I + tau S_QP)^-1, u = M S_QB and v = S_CP M.
template <int R>
struct Woodbury {
  Z F, u[R > 0 ? R : 1], v[R > 0 ? R : 1];

  __device__ Woodbury(double tau, const Z (&S)[(1 + R) * (1 + R)]) : F(S[0]) {
    const Z one{1, 0};
    if constexpr (R == 1) {
      const Z M = one / (one + tau * S[3]);
      u[0] = M * S[2];
      v[0] = S[1] * M;
      F = F - tau * (S[1] * u[0]);
    }
    if constexpr (R == 2) {
      const Z a = one + tau * S[4], b = tau * S[5], c = tau * S[7], e = one + tau * S[8];
      const Z inverse = one / (a * e - b * c);
      u[0] = inverse * (e * S[3] - b * S[6]);
      u[1] = inverse * (a * S[6] - c * S[3]);
      v[0] = inverse * (S[1] * e - S[2] * c);
      v[1] = inverse * (S[2] * a - S[1] * b);
      F = F - tau * (S[1] * u[0] + S[2] * u[1]);
    }
  }
};

/// Adds what an element with these entries gives to the sums S_ab.
template <int R>
__device__ void add_element(const Node& node, const double* entry, Z (&S)[(1 + R) * (1 + R)]) {
  const Pole pole(node.tau, node.sigma, entry[magnitude], entry[twice_real]);
  const double tp = node.tau * pole.p, tq = node.tau * pole.q;
  const double sp = node.sigma * pole.p, sq = node.sigma * pole.q;
#pragma unroll
  for (int ab = 0; ab < (1 + R) * (1 + R); ++ab) {
    const double alpha = entry[first_sum + 2 * ab], beta = entry[first_sum + 2 * ab + 1];
    S[ab].re += alpha * tp + beta * sq;
    S[ab].im += beta * sp - alpha * tq;
  }
}

/// conj(dL/dS_ab) from gradient = conj(dL/dKhat); put(ab, g) takes them. Returns the part of ddt
/// that passes F.
template <int R, class Put>
__device__ double sum_gradients(const Node& node, double dt, const Z (&S)[(1 + R) * (1 + R)],
                                Z gradient, const Put& put) {
  const Woodbury<R> w(node.tau, S);
  const Z f = dt * node.turned(gradient);
  put(0, f);
  double dtau = 0;
  if constexpr (R > 0) {
    const Z minus_tf = -node.tau * f, ttf = node.tau * node.tau * f;
    for (int r = 0; r < R; ++r) {
      put(1 + r, minus_tf * w.u[r]);
      put((1 + r) * (1 + R), minus_tf * w.v[r]);
      for (int s = 0; s < R; ++s) put((1 + r) * (1 + R) + 1 + s, ttf * (w.v[r] * w.u[s]));
      dtau -= (f * (w.v[r] * w.u[r])).re;
    }
  }
  return dtau * node.cosine + (gradient * node.turned(w.F)).re;
}

/// The gradients of the entries of one element, added up over nodes.
template <int R>
struct EntryGradients {
  static constexpr int sums = (1 + R) * (1 + R);
  double square = 0, twice_real = 0, alpha[sums] = {}, beta[sums] = {}, dt = 0;

  /// load(ab) gives conj(dL/dS_ab) at the node.
  template <class Load>
  __device__ void add(double tau, double sigma, double cosine, const double* entry,
                      const Load& load) {
    const Pole pole(tau, sigma, entry[s4::magnitude], entry[s4::twice_real]);
    const double tp = tau * pole.p, tq = tau * pole.q, sp = sigma * pole.p, sq = sigma * pole.q;
    Z for_alpha{0, 0}, for_beta{0, 0};
#pragma unroll
    for (int ab = 0; ab < sums; ++ab) {
      const Z g = load(ab);
      alpha[ab] += tp * g.re + tq * g.im;
      beta[ab] += sq * g.re - sp * g.im;
      for_alpha += entry[first_sum + 2 * ab] * g;
      for_beta += entry[first_sum + 2 * ab + 1] * g;
    }
    // -(tau sum g alpha + i sigma sum g beta) / D^2
    const Z numerator{sigma * for_beta.im - tau * for_alpha.re,
                      -tau * for_alpha.im - sigma * for_beta.re};
    const Z inverse{pole.p, -pole.q}, g = numerator * (inverse * inverse);
    square += tau * tau * g.re;
    twice_real -= tau * sigma * g.im;
    const double dtau = for_alpha.re * pole.p + for_alpha.im * pole.q +
                        2 * tau * entry[s4::square] * g.re - sigma * entry[s4::twice_real] * g.im;
    dt += dtau * cosine;
  }

  /// Writes them to entries that lie as those of the element do, or adds them.
  __device__ void store(bool first, double* to) const {
    const auto put = [&](int64_t entry, double value) {
      to[entry] = first ? value : to[entry] + value;
    };
    put(s4::square, square);
    put(s4::twice_real, twice_real);
#pragma unroll
    for (int ab = 0; ab < sums; ++ab) {
      put(first_sum + 2 * ab, alpha[ab]);
      put(first_sum + 2 * ab + 1, beta[ab]);
    }
  }
};

}  // namespace lw::kernels::s4
