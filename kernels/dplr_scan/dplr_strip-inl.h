// The steps of dplr_scan, forward and back, for one batch row of one vector of channels; the notation
// is that of README.md.
//
//   #include "kernels/dplr_scan/dplr_strip-inl.h"    after hwy/foreach_target.h

#if defined(LW_KERNELS_DPLR_STRIP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_DPLR_STRIP_INL_H_
#undef LW_KERNELS_DPLR_STRIP_INL_H_
#else
#define LW_KERNELS_DPLR_STRIP_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "kernels/dplr_scan/dplr_coefficients.h"
#include "kernels/recurrence-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

constexpr int64_t chunk_steps = 32;

/// What all tasks of a call share.
template <class T>
struct Problem : Signal<T> {
  int64_t states;
  DplrCoefficients<T> coefficients;

  explicit Problem(const DplrScan& in)
      : Signal<T>(in.u, in.state, in.resets),
        states(in.lambda.size(1)),
        coefficients(in, this->lanes) {}

  bool starts(int64_t b, int64_t t) const { return starts_at(this->resets, b, t); }
};

/// Real numbers, one for each rank; at least one, so that it can be an array.
template <class V, int R>
struct Ranks {
  V v[std::max(R, 1)];
};

/// One batch row of one vector of channels.
template <class T, int R>
class Strip {
 public:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  using Real = Ranks<V, R>;
  using Z = Complex<D>;

  Strip(const Problem<T>& problem, int64_t task)
      : p_(problem),
        place_(p_, task),
        step_(2 * p_.lanes),
        x_(1, p_.states, 1, p_.lanes),
        u_(static_cast<size_t>(chunk_steps * p_.lanes)),
        y_(u_.size()) {
    if (p_.state.data) place_.gather(p_.state, x_);
    for (int r = 0; r < R * R; ++r)
      W_[r] = hn::LoadU(d, p_.coefficients.W.data() + (place_.block * R * R + r) * p_.lanes);
  }

  void forward(const View<T, 3>& y, const View<std::complex<T>, 3>& final_state) {
    Real q = projection(x_.at(0, 0, 0));
    for (int64_t begin = 0; begin < p_.time; begin += chunk_steps) {
      const int64_t end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      for (int64_t t = begin; t < end; ++t) {
        T* x = x_.at(0, 0, 0);
        if (p_.starts(place_.row, t)) start(x, q);
        advance(hn::LoadU(d, u_.data() + (t - begin) * p_.lanes), x, x, q);
        V out = hn::Zero(d);
        for (int64_t n = 0; n < p_.states; ++n) {
          const Z C = coefficient(n, entries().c()), z = load_complex(d, x + n * step_);
          out = hn::MulAdd(C.re, z.re, hn::NegMulAdd(C.im, z.im, out));
        }
        hn::StoreU(out, d, y_.data() + (t - begin) * p_.lanes);
      }
      place_.write(y_.data(), begin, end, y);
    }
    place_.scatter(x_, final_state);
  }

  /// `sums` and `dW` receive the gradients of the coefficients that this row gives.
  void backward(const View<const T, 3>& dy, const View<const std::complex<T>, 3>& dfinal,
                const View<T, 3>& du, const View<std::complex<T>, 3>& dstate, T* sums, T* dW) {
    const int64_t chunks = (p_.time + chunk_steps - 1) / chunk_steps, all = p_.states * step_;
    const int64_t wide = R * p_.lanes;
    std::vector<T> states(static_cast<size_t>((chunk_steps + 1) * all));
    std::vector<T> starts(static_cast<size_t>(chunks * all)), out(u_.size());
    std::vector<T> q(static_cast<size_t>((chunk_steps + 1) * wide)),
        first(static_cast<size_t>(chunks * wide));
    T* x = x_.at(0, 0, 0);
    const std::vector<T> initial(x, x + all);
    Real now = projection(x);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      std::copy_n(x, all, starts.data() + chunk * all);
      store(now, first.data() + chunk * wide);
      const int64_t begin = chunk * chunk_steps, end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      for (int64_t t = begin; t < end && chunk + 1 < chunks; ++t) {
        if (p_.starts(place_.row, t)) start(x, now);
        advance(hn::LoadU(d, u_.data() + (t - begin) * p_.lanes), x, x, now);
      }
    }

    LaneTable<T> rho(1, p_.states, 1, p_.lanes);
    if (dfinal.data) place_.gather(dfinal, rho);
    Real dq{};
    for (int r = 0; r < R; ++r) dq.v[r] = hn::Zero(d);
    for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
      const int64_t begin = chunk * chunk_steps, end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      place_.read(dy, begin, end, y_.data());
      // states[i + 1] and q[i + 1] are those after step begin + i, unless a document starts there
      std::copy_n(starts.data() + chunk * all, all, states.data());
      now = load(first.data() + chunk * wide);
      store(now, q.data());
      for (int64_t i = 0; i < end - begin; ++i) {
        const T* before = states.data() + i * all;
        if (p_.starts(place_.row, begin + i)) {
          start(x, now);
          before = x;
        }
        advance(hn::LoadU(d, u_.data() + i * p_.lanes), before, states.data() + (i + 1) * all, now);
        store(now, q.data() + (i + 1) * wide);
      }
      for (int64_t i = end - begin - 1; i >= 0; --i) {
        const V result = retreat(hn::LoadU(d, u_.data() + i * p_.lanes),
                                 hn::LoadU(d, y_.data() + i * p_.lanes), states.data() + i * all,
                                 load(q.data() + i * wide), load(q.data() + (i + 1) * wide),
                                 p_.starts(place_.row, begin + i), rho.at(0, 0, 0), dq, sums, dW);
        hn::StoreU(result, d, out.data() + i * p_.lanes);
      }
      place_.write(out.data(), begin, end, du);
    }

    for (int64_t n = 0; n < p_.states; ++n) {
      Z r = load_complex(d, rho.at(0, n, 0));
      for (int k = 0; k < R; ++k) {
        const V twice = hn::Add(dq.v[k], dq.v[k]);
        r = add_scaled(r, twice, coefficient(n, entries().p(k)));
        add(sums, n, entries().p(k), twice, load_complex(d, initial.data() + n * step_));
      }
      store_complex(d, r, rho.at(0, n, 0));
    }
    if (dstate.data) place_.scatter(rho, dstate);
  }

 private:
  static constexpr D d{};
  static constexpr DplrEntries entries() { return {R}; }

  HWY_INLINE Z coefficient(int64_t n, int64_t entry) const {
    return load_complex(d, p_.coefficients.table.at(place_.block, n, entry));
  }
  Real load(const T* p) const {
    Real real{};
    for (int r = 0; r < R; ++r) real.v[r] = hn::LoadU(d, p + r * p_.lanes);
    return real;
  }
  void store(const Real& real, T* p) const {
    for (int r = 0; r < R; ++r) hn::StoreU(real.v[r], d, p + r * p_.lanes);
  }
  /// sums[n, entry] += s z
  HWY_INLINE void add(T* sums, int64_t n, int64_t entry, V s, const Z& z) const {
    T* p = sums + (n * entries().count() + entry) * step_;
    store_complex(d, add_scaled(load_complex(d, p), s, z), p);
  }

  /// P^* x = 2 Re sum conj(P_n) x_n
  Real projection(const T* x) const {
    Real sum{};
    for (int r = 0; r < R; ++r) {
      sum.v[r] = hn::Zero(d);
      for (int64_t n = 0; n < p_.states; ++n)
        sum.v[r] = add_real_product(sum.v[r], coefficient(n, entries().p(r)),
                                    load_complex(d, x + n * step_));
      sum.v[r] = hn::Add(sum.v[r], sum.v[r]);
    }
    return sum;
  }

  /// A document starts: neither state nor projection.
  void start(T* x, Real& q) const {
    std::fill_n(x, p_.states * step_, T{0});
    for (int r = 0; r < R; ++r) q.v[r] = hn::Zero(d);
  }

  /// One step: from `before` and its projection q to `after` and its own. The two may be the same.
  HWY_INLINE void advance(V u, const T* before, T* after, Real& q) const {
    Real s{};
    for (int r = 0; r < R; ++r) s.v[r] = hn::Zero(d);
    for (int64_t n = 0; n < p_.states; ++n) {
      const Z b = coefficient(n, entries().b());
      Z g = add_product(Z{hn::Mul(b.re, u), hn::Mul(b.im, u)}, coefficient(n, entries().a()),
                        load_complex(d, before + n * step_));
      for (int r = 0; r < R; ++r) g = subtract_scaled(g, q.v[r], coefficient(n, entries().e(r)));
      for (int r = 0; r < R; ++r)
        s.v[r] = add_real_product(s.v[r], coefficient(n, entries().p(r)), g);
      store_complex(d, g, after + n * step_);
    }
    if constexpr (R == 0) return;
    for (int r = 0; r < R; ++r) {
      q.v[r] = hn::Zero(d);
      for (int k = 0; k < R; ++k)
        q.v[r] = hn::MulAdd(W_[r * R + k], hn::Add(s.v[k], s.v[k]), q.v[r]);
    }
    for (int64_t n = 0; n < p_.states; ++n) {
      Z x = load_complex(d, after + n * step_);
      for (int r = 0; r < R; ++r) x = subtract_scaled(x, q.v[r], coefficient(n, entries().e(r)));
      store_complex(d, x, after + n * step_);
    }
  }

  /// One step back. `before` and q are the state and projection before it, those after it stand
  /// behind them; `rho` and `dq` hold the gradients of what is after, and then of what is before.
  V retreat(V u, V dy, const T* before, const Real& q, const Real& k, bool starts, T* rho, Real& dq,
            T* sums, T* dW) const {
    const T* after = before + p_.states * step_;
    Real dk = dq, s{}, ds{};
    for (int i = 0; i < R; ++i) s.v[i] = hn::Zero(d);
    for (int64_t n = 0; n < p_.states; ++n) {
      const Z C = coefficient(n, entries().c()), x = load_complex(d, after + n * step_);
      Z r = load_complex(d, rho + n * step_);
      r = {hn::MulAdd(C.re, dy, r.re), hn::NegMulAdd(C.im, dy, r.im)};
      store_complex(d, r, rho + n * step_);
      add(sums, n, entries().c(), dy, Z{x.re, hn::Neg(x.im)});
      Z g = x;  // + E k, and s = P^* g
      for (int i = 0; i < R; ++i) {
        const Z E = coefficient(n, entries().e(i));
        g = add_scaled(g, k.v[i], E);
        dk.v[i] = hn::Sub(dk.v[i], add_real_product(hn::Zero(d), E, r));
        add(sums, n, entries().e(i), hn::Neg(k.v[i]), r);
      }
      for (int i = 0; i < R; ++i)
        s.v[i] = add_real_product(s.v[i], coefficient(n, entries().p(i)), g);
    }
    for (int i = 0; i < R; ++i) {
      ds.v[i] = hn::Zero(d);
      for (int l = 0; l < R; ++l) {
        ds.v[i] = hn::MulAdd(W_[l * R + i], dk.v[l], ds.v[i]);
        T* p = dW + (i * R + l) * p_.lanes;
        hn::StoreU(hn::MulAdd(dk.v[i], hn::Add(s.v[l], s.v[l]), hn::LoadU(d, p)), d, p);
      }
      ds.v[i] = hn::Add(ds.v[i], ds.v[i]);
      dq.v[i] = hn::Zero(d);
    }

    V du = hn::Zero(d);
    for (int64_t n = 0; n < p_.states; ++n) {
      const Z a = coefficient(n, entries().a()), b = coefficient(n, entries().b());
      Z dg = load_complex(d, rho + n * step_), g = load_complex(d, after + n * step_);
      for (int i = 0; i < R; ++i) {
        dg = add_scaled(dg, ds.v[i], coefficient(n, entries().p(i)));
        g = add_scaled(g, k.v[i], coefficient(n, entries().e(i)));
      }
      for (int i = 0; i < R; ++i) add(sums, n, entries().p(i), ds.v[i], g);
      add(sums, n, entries().b(), u, dg);
      du = add_real_product(du, b, dg);
      Z earlier = zero_complex(d);
      if (!starts) {
        const Z x = load_complex(d, before + n * step_);
        T* da = sums + (n * entries().count() + entries().a()) * step_;
        store_complex(d, add_conj_product(load_complex(d, da), x, dg), da);
        for (int i = 0; i < R; ++i) {
          const Z E = coefficient(n, entries().e(i));
          add(sums, n, entries().e(i), hn::Neg(q.v[i]), dg);
          dq.v[i] = hn::Sub(dq.v[i], add_real_product(hn::Zero(d), E, dg));
        }
        earlier = add_conj_product(earlier, a, dg);
      }
      store_complex(d, earlier, rho + n * step_);
    }
    return du;
  }

  const Problem<T>& p_;
  Place<T> place_;
  int64_t step_;  // distance of the elements of a state
  LaneTable<T> x_;
  V W_[std::max(R * R, 1)];
  std::vector<T> u_, y_;  // of the steps of a chunk
};

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
