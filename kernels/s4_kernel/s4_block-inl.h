// The generating function of one vector of channels at a range of nodes, and its gradient; the
// notation is that of README.md.
//
//   #include "kernels/s4_kernel/s4_block-inl.h"      after hwy/foreach_target.h

#if defined(LW_KERNELS_S4_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_S4_BLOCK_INL_H_
#undef LW_KERNELS_S4_BLOCK_INL_H_
#else
#define LW_KERNELS_S4_BLOCK_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "kernels/complex_vector-inl.h"
#include "kernels/fft/fft_plan.h"
#include "kernels/s4_kernel/s4_coefficients.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

constexpr int64_t task_nodes = 128;  // nodes of a task
constexpr int64_t tile_nodes = 32;   // nodes whose gradients stay in the first-level cache

/// 1/D = p - i q at one node, for one element of the state.
template <class D>
struct Pole {
  hn::Vec<D> p, q;

  HWY_INLINE Pole(D d, hn::Vec<D> tau, hn::Vec<D> sigma, hn::Vec<D> magnitude,
                  hn::Vec<D> twice_real) {
    const auto x = hn::Mul(tau, magnitude);
    const auto re = hn::Mul(hn::Sub(x, sigma), hn::Add(x, sigma));
    const auto im = hn::Mul(hn::Mul(tau, sigma), twice_real);
    const auto norm = hn::MulAdd(re, re, hn::Mul(im, im));
    const auto inverse = hn::Div(hn::Set(d, 1.), norm);
    p = hn::Mul(re, inverse);
    q = hn::Mul(im, inverse);
  }
};

/// F = S_CB - tau S_CP M S_QB with M = (I + tau S_QP)^-1, u = M S_QB and v = S_CP M.
template <int R, class D>
struct Woodbury {
  Complex<D> F, u[std::max(R, 1)], v[std::max(R, 1)];

  HWY_INLINE Woodbury(D d, hn::Vec<D> tau, const Complex<D> (&S)[(1 + R) * (1 + R)]) : F(S[0]) {
    const Complex<D> one{hn::Set(d, 1.), hn::Zero(d)};
    if constexpr (R == 1) {
      const Complex<D> M = reciprocal(d, add_scaled(one, tau, S[3]));
      u[0] = M * S[2];
      v[0] = S[1] * M;
      F = subtract_scaled(F, tau, S[1] * u[0]);
    }
    if constexpr (R == 2) {
      const Complex<D> a = add_scaled(one, tau, S[4]), b = scaled<D>(tau, S[5]);
      const Complex<D> c = scaled<D>(tau, S[7]), e = add_scaled(one, tau, S[8]);
      const Complex<D> inverse = reciprocal(d, a * e - b * c);
      u[0] = inverse * (e * S[3] - b * S[6]);
      u[1] = inverse * (a * S[6] - c * S[3]);
      v[0] = inverse * (S[1] * e - S[2] * c);
      v[1] = inverse * (S[2] * a - S[1] * b);
      F = subtract_scaled(F, tau, S[1] * u[0] + S[2] * u[1]);
    }
  }
};

/// What all tasks of a call share: numbers of all channels, and the nodes 0 ... length/2.
struct Problem {
  using D = hn::ScalableTag<double>;
  static constexpr D d{};

  int64_t lanes, length, nodes, ranges;
  s4::Coefficients coefficients;
  int64_t width;                     // elements of a row of pairs
  std::vector<double> cosine, sine;  // of theta_j / 2

  explicit Problem(const S4Kernel& in)
      : lanes(static_cast<int64_t>(hn::Lanes(d))),
        length(in.length),
        nodes(length / 2 + 1),
        ranges((nodes + task_nodes - 1) / task_nodes),
        coefficients(in, lanes),
        width(coefficients.blocks / 2 * lanes) {
    for (int64_t j = 0; j < nodes; ++j) {
      const complex128 half = root_of_unity(j, 2 * length);
      cosine.push_back(half.real());
      sine.push_back(half.imag());
    }
  }
  /// A complex signal or spectrum [1, length, width] of two channels an element.
  Tensor pairs() const { return Tensor::empty({1, length, width}, DType::c128, host); }
};

/// A block of channels at some nodes.
template <int R>
class Block {
 public:
  using D = hn::ScalableTag<double>;
  using V = hn::Vec<D>;
  static constexpr D d{};
  static constexpr int sums = (1 + R) * (1 + R);

  Block(const Problem& problem, int64_t block)
      : p_(problem), block_(block), dt_(hn::LoadU(d, p_.coefficients.dt(block))) {}

  /// Khat at the nodes j ... j + kNodes - 1.
  template <int kNodes>
  HWY_INLINE void transfer(int64_t j, Complex<D> (&K)[kNodes]) const {
    Complex<D> S[kNodes][sums];
    sum(j, S);
    for (int i = 0; i < kNodes; ++i)
      K[i] = scaled<D>(dt_, turned(j + i, Woodbury<R, D>(d, tau(j + i), S[i]).F));
  }

  /// Adds what the nodes [begin, end) give to the gradients: `entries` [state, entry, lane] and `dt`
  /// [lane]. gradient(j) is conj(dL/dKhat_j).
  template <class Gradient>
  void backward(int64_t begin, int64_t end, const Gradient& gradient, double* entries,
                double* dt) const {
    const int64_t stride = 2 * sums * p_.lanes;
    std::vector<double> tile(static_cast<size_t>(tile_nodes * stride));
    V ddt = hn::LoadU(d, dt);
    for (int64_t first = begin; first < end; first += tile_nodes) {
      const int64_t last = std::min(first + tile_nodes, end);
      for (int64_t j = first; j < last; ++j)
        ddt = hn::Add(ddt, sum_gradients(j, gradient(j), tile.data() + (j - first) * stride));
      for (int64_t n = 0; n < p_.coefficients.states; ++n)
        ddt = hn::Add(ddt, element_gradients(n, first, last, tile.data(), entries));
    }
    hn::StoreU(ddt, d, dt);
  }

 private:
  HWY_INLINE V tau(int64_t j) const {
    return hn::Mul(dt_, hn::Set(d, p_.cosine[static_cast<size_t>(j)]));
  }
  HWY_INLINE V sigma(int64_t j) const { return hn::Set(d, 2 * p_.sine[static_cast<size_t>(j)]); }
  /// e^{i theta_j / 2} z
  HWY_INLINE Complex<D> turned(int64_t j, const Complex<D>& z) const {
    const Complex<D> half{hn::Set(d, p_.cosine[static_cast<size_t>(j)]),
                          hn::Set(d, p_.sine[static_cast<size_t>(j)])};
    return half * z;
  }
  HWY_INLINE V load(const double* entry, int64_t i) const {
    return hn::LoadU(d, entry + i * p_.lanes);
  }

  /// The sums S_ab at the nodes j ... j + kNodes - 1.
  template <int kNodes>
  HWY_INLINE void sum(int64_t j, Complex<D> (&S)[kNodes][sums]) const {
    V taus[kNodes], sigmas[kNodes];
    for (int i = 0; i < kNodes; ++i) {
      taus[i] = tau(j + i);
      sigmas[i] = sigma(j + i);
      for (int ab = 0; ab < sums; ++ab) S[i][ab] = {hn::Zero(d), hn::Zero(d)};
    }
    for (int64_t n = 0; n < p_.coefficients.states; ++n) {
      const double* entry = p_.coefficients.at(block_, n);
      const V magnitude = load(entry, s4::magnitude), twice_real = load(entry, s4::twice_real);
      for (int i = 0; i < kNodes; ++i) {
        const Pole<D> pole(d, taus[i], sigmas[i], magnitude, twice_real);
        const V tp = hn::Mul(taus[i], pole.p), tq = hn::Mul(taus[i], pole.q);
        const V sp = hn::Mul(sigmas[i], pole.p), sq = hn::Mul(sigmas[i], pole.q);
        for (int ab = 0; ab < sums; ++ab) {
          const V alpha = load(entry, s4::first_sum + 2 * ab);
          const V beta = load(entry, s4::first_sum + 2 * ab + 1);
          S[i][ab].re = hn::MulAdd(alpha, tp, hn::MulAdd(beta, sq, S[i][ab].re));
          S[i][ab].im = hn::MulAdd(beta, sp, hn::NegMulAdd(alpha, tq, S[i][ab].im));
        }
      }
    }
  }

  /// Writes conj(dL/dS_ab) at node j; returns the part of ddt that passes F.
  V sum_gradients(int64_t j, const Complex<D>& gradient, double* out) const {
    Complex<D> S[1][sums];
    sum(j, S);
    const V t = tau(j);
    const Woodbury<R, D> w(d, t, S[0]);
    const Complex<D> f = scaled<D>(dt_, turned(j, gradient));
    const auto put = [&](int ab, const Complex<D>& g) HWY_ATTR {
      hn::StoreU(g.re, d, out + 2 * ab * p_.lanes);
      hn::StoreU(g.im, d, out + (2 * ab + 1) * p_.lanes);
    };
    put(0, f);
    const Complex<D> direct = gradient * turned(j, w.F);
    V ddt = direct.re;
    if constexpr (R > 0) {
      const Complex<D> minus_tf = scaled<D>(hn::Neg(t), f), ttf = scaled<D>(hn::Mul(t, t), f);
      V dtau = hn::Zero(d);
      for (int r = 0; r < R; ++r) {
        put(1 + r, minus_tf * w.u[r]);
        put((1 + r) * (1 + R), minus_tf * w.v[r]);
        for (int s = 0; s < R; ++s) put((1 + r) * (1 + R) + 1 + s, ttf * (w.v[r] * w.u[s]));
        dtau = hn::Sub(dtau, (f * (w.v[r] * w.u[r])).re);
      }
      ddt = hn::MulAdd(dtau, hn::Set(d, p_.cosine[static_cast<size_t>(j)]), ddt);
    }
    return ddt;
  }

  /// Adds to the gradients of the entries of element n what the nodes [first, last) give, whose
  /// conj(dL/dS_ab) are in `tile`; returns the part of ddt.
  V element_gradients(int64_t n, int64_t first, int64_t last, const double* tile,
                      double* entries) const {
    const double* entry = p_.coefficients.at(block_, n);
    double* out = entries + n * p_.coefficients.entries() * p_.lanes;
    const V magnitude = load(entry, s4::magnitude), square = load(entry, s4::square);
    const V twice_real = load(entry, s4::twice_real);
    V alpha[sums], beta[sums], dalpha[sums], dbeta[sums];
    for (int ab = 0; ab < sums; ++ab) {
      alpha[ab] = load(entry, s4::first_sum + 2 * ab);
      beta[ab] = load(entry, s4::first_sum + 2 * ab + 1);
      dalpha[ab] = load(out, s4::first_sum + 2 * ab);
      dbeta[ab] = load(out, s4::first_sum + 2 * ab + 1);
    }
    V dsquare = load(out, s4::square), dtwice_real = load(out, s4::twice_real), ddt = hn::Zero(d);
    for (int64_t j = first; j < last; ++j, tile += 2 * sums * p_.lanes) {
      const V t = tau(j), s = sigma(j);
      const Pole<D> pole(d, t, s, magnitude, twice_real);
      const V tp = hn::Mul(t, pole.p), tq = hn::Mul(t, pole.q);
      const V sp = hn::Mul(s, pole.p), sq = hn::Mul(s, pole.q);
      Complex<D> for_alpha{hn::Zero(d), hn::Zero(d)}, for_beta = for_alpha;
      for (int ab = 0; ab < sums; ++ab) {
        const Complex<D> g{load(tile, 2 * ab), load(tile, 2 * ab + 1)};
        dalpha[ab] = hn::MulAdd(tp, g.re, hn::MulAdd(tq, g.im, dalpha[ab]));
        dbeta[ab] = hn::MulAdd(sq, g.re, hn::NegMulAdd(sp, g.im, dbeta[ab]));
        for_alpha = add_scaled(for_alpha, alpha[ab], g);
        for_beta = add_scaled(for_beta, beta[ab], g);
      }
      // -(tau sum g alpha + i sigma sum g beta) / D^2
      const Complex<D> numerator{hn::NegMulAdd(t, for_alpha.re, hn::Mul(s, for_beta.im)),
                                 hn::NegMulSub(t, for_alpha.im, hn::Mul(s, for_beta.re))};
      const Complex<D> inverse{pole.p, hn::Neg(pole.q)};
      const Complex<D> g = numerator * (inverse * inverse);
      dsquare = hn::MulAdd(hn::Mul(t, t), g.re, dsquare);
      dtwice_real = hn::NegMulAdd(hn::Mul(t, s), g.im, dtwice_real);
      V dtau = hn::MulAdd(for_alpha.re, pole.p, hn::Mul(for_alpha.im, pole.q));
      dtau = hn::MulAdd(hn::Mul(hn::Add(t, t), square), g.re, dtau);
      dtau = hn::NegMulAdd(hn::Mul(s, twice_real), g.im, dtau);
      ddt = hn::MulAdd(dtau, hn::Set(d, p_.cosine[static_cast<size_t>(j)]), ddt);
    }
    const auto put = [&](int64_t i, V v) HWY_ATTR { hn::StoreU(v, d, out + i * p_.lanes); };
    put(s4::square, dsquare);
    put(s4::twice_real, dtwice_real);
    for (int ab = 0; ab < sums; ++ab) {
      put(s4::first_sum + 2 * ab, dalpha[ab]);
      put(s4::first_sum + 2 * ab + 1, dbeta[ab]);
    }
    return ddt;
  }

  const Problem& p_;
  int64_t block_;
  V dt_;
};

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
