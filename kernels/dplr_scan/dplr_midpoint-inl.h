// The steps of dplr_scan at irregular times, forward and back, for one batch row of one vector of
// channels; the notation is that of README.md, "Irregular times".
//
//   #include "kernels/dplr_scan/dplr_midpoint-inl.h"    after hwy/foreach_target.h

#if defined(LW_KERNELS_DPLR_MIDPOINT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_DPLR_MIDPOINT_INL_H_
#undef LW_KERNELS_DPLR_MIDPOINT_INL_H_
#else
#define LW_KERNELS_DPLR_MIDPOINT_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/dplr_scan/dplr_strip-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// What all tasks of a call share.
template <class T>
struct MidpointProblem : Signal<T> {
  int64_t states;
  MidpointEntries entries;
  View<const T, 2> intervals;  // [batch, time]
  LaneTable<T> table;
  std::vector<T> dt;  // [block, lane]; 1 beyond the channels

  explicit MidpointProblem(const DplrScan& in)
      : Signal<T>(in.u, in.state, in.resets),
        states(in.lambda.size(1)),
        entries{in.P ? in.P.size(0) : 0},
        intervals(in.intervals.view<const T, 2>()),
        table(this->blocks, states, entries.count(), this->lanes),
        dt(static_cast<size_t>(this->blocks * this->lanes), T{1}) {
    using C = const std::complex<T>;
    const int64_t lanes = this->lanes;
    const auto lambda = in.lambda.view<C, 2>(), B = in.B.view<C, 2>(), c = in.C.view<C, 2>();
    const auto P = optional_view<C, 3>(in.P);
    for (int64_t h = 0; h < this->channels; ++h) {
      dt[static_cast<size_t>(h)] = in.dt.data<T>()[h];
      for (int64_t n = 0; n < states; ++n) {
        const auto put = [&](int64_t entry, std::complex<T> value) {
          table.set(h / lanes, n, entry, h % lanes, value);
        };
        put(entries.lambda(), lambda(h, n));
        put(entries.b(), B(h, n));
        put(entries.c(), T{2} * c(h, n));
        for (int64_t r = 0; r < entries.rank; ++r) put(entries.p(r), P(r, h, n));
      }
    }
  }

  bool starts(int64_t b, int64_t t) const { return starts_at(this->resets, b, t); }
};

/// One batch row of one vector of channels.
template <class T, int R>
class MidpointStrip {
 public:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  using Real = Ranks<V, R>;
  using Z = Complex<D>;

  MidpointStrip(const MidpointProblem<T>& problem, int64_t task)
      : p_(problem),
        place_(p_, task),
        size_(2 * p_.lanes),
        x_(1, p_.states, 1, p_.lanes),
        solved_(static_cast<size_t>(2 * p_.states * size_)),
        u_(static_cast<size_t>(chunk_steps * p_.lanes)),
        y_(u_.size()) {
    if (p_.state.data) place_.gather(p_.state, x_);
  }

  void forward(const View<T, 3>& y, const View<std::complex<T>, 3>& final_state) {
    T* x = x_.at(0, 0, 0);
    for (int64_t begin = 0; begin < p_.time; begin += chunk_steps) {
      const int64_t end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      for (int64_t t = begin; t < end; ++t) {
        advance(t, input(t - begin), x, x);
        V out = hn::Zero(d);
        for (int64_t n = 0; n < p_.states; ++n) {
          const Z C = coefficient(n, entries().c()), z = load_complex(d, x + n * size_);
          out = hn::MulAdd(C.re, z.re, hn::NegMulAdd(C.im, z.im, out));
        }
        hn::StoreU(out, d, y_.data() + (t - begin) * p_.lanes);
      }
      place_.write(y_.data(), begin, end, y);
    }
    place_.scatter(x_, final_state);
  }

  /// `sums` [state, entry] and `ddt` receive the gradients of the parameters that this row gives.
  void backward(const View<const T, 3>& dy, const View<const std::complex<T>, 3>& dfinal,
                const View<T, 3>& du, const View<std::complex<T>, 3>& dstate, T* sums, T* ddt) {
    const int64_t chunks = (p_.time + chunk_steps - 1) / chunk_steps, all = p_.states * size_;
    std::vector<T> states(static_cast<size_t>((chunk_steps + 1) * all));
    std::vector<T> starts(static_cast<size_t>(chunks * all)), out(u_.size());
    T* x = x_.at(0, 0, 0);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      std::copy_n(x, all, starts.data() + chunk * all);
      const int64_t begin = chunk * chunk_steps, end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      for (int64_t t = begin; t < end && chunk + 1 < chunks; ++t)
        advance(t, input(t - begin), x, x);
    }

    LaneTable<T> rho(1, p_.states, 1, p_.lanes);
    if (dfinal.data) place_.gather(dfinal, rho);
    for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
      const int64_t begin = chunk * chunk_steps, end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      place_.read(dy, begin, end, y_.data());
      std::copy_n(starts.data() + chunk * all, all, states.data());
      for (int64_t t = begin; t < end; ++t) {
        const T* before = states.data() + (t - begin) * all;
        advance(t, input(t - begin), before, states.data() + (t - begin + 1) * all);
      }
      for (int64_t t = end - 1; t >= begin; --t) {
        const V dy_t = hn::LoadU(d, y_.data() + (t - begin) * p_.lanes);
        const V du_t = retreat(t, input(t - begin), dy_t, states.data() + (t - begin) * all,
                               rho.at(0, 0, 0), sums, ddt);
        hn::StoreU(du_t, d, out.data() + (t - begin) * p_.lanes);
      }
      place_.write(out.data(), begin, end, du);
    }
    if (dstate.data) place_.scatter(rho, dstate);
  }

 private:
  static constexpr D d{};
  static constexpr MidpointEntries entries() { return {R}; }

  HWY_INLINE Z coefficient(int64_t n, int64_t entry) const {
    return load_complex(d, p_.table.at(place_.block, n, entry));
  }
  HWY_INLINE V input(int64_t i) const { return hn::LoadU(d, u_.data() + i * p_.lanes); }
  /// h = tau_t dt / 2
  HWY_INLINE V half_step(int64_t t) const {
    const V dt = hn::LoadU(d, p_.dt.data() + place_.block * p_.lanes);
    return hn::Mul(hn::Set(d, static_cast<T>(0.5) * p_.intervals(place_.row, t)), dt);
  }
  /// sums[n, entry] += s z
  HWY_INLINE void add(T* sums, int64_t n, int64_t entry, V s, const Z& z) const {
    T* p = sums + (n * entries().count() + entry) * size_;
    store_complex(d, add_scaled(load_complex(d, p), s, z), p);
  }

  /// (I + h G)^{-1} b
  HWY_INLINE Real solve(V h, const V (&G)[std::max(R * R, 1)], const Real& b) const {
    const V one = hn::Set(d, T{1});
    Real k{};
    if constexpr (R == 1) k.v[0] = hn::Div(b.v[0], hn::MulAdd(h, G[0], one));
    if constexpr (R == 2) {
      const V g00 = hn::MulAdd(h, G[0], one), g11 = hn::MulAdd(h, G[3], one);
      const V g01 = hn::Mul(h, G[1]), g10 = hn::Mul(h, G[2]);
      const V determinant = hn::NegMulAdd(g01, g10, hn::Mul(g00, g11));
      k.v[0] = hn::Div(hn::NegMulAdd(g01, b.v[1], hn::Mul(g11, b.v[0])), determinant);
      k.v[1] = hn::Div(hn::NegMulAdd(g10, b.v[0], hn::Mul(g00, b.v[1])), determinant);
    }
    return k;
  }

  /// s of (I - h A) s = right, or of the adjoint (I - h A)^*; right(n) gives an element. Returns P^* s;
  /// s itself is solved(n).
  template <bool kAdjoint, class F>
  HWY_INLINE Real solve_shifted(V h, const F& right) {
    V G[std::max(R * R, 1)];
    Real q{};
    for (int i = 0; i < std::max(R * R, 1); ++i) G[i] = hn::Zero(d);
    for (int r = 0; r < R; ++r) q.v[r] = hn::Zero(d);
    const V one = hn::Set(d, T{1});
    for (int64_t n = 0; n < p_.states; ++n) {
      const Z lambda = coefficient(n, entries().lambda());
      Z inverse =
          reciprocal(d, Z{hn::NegMulAdd(h, lambda.re, one), hn::Neg(hn::Mul(h, lambda.im))});
      if constexpr (kAdjoint) inverse.im = hn::Neg(inverse.im);
      const Z z = inverse * right(n);
      store_complex(d, z, solved_.data() + 2 * n * size_);
      store_complex(d, inverse, solved_.data() + (2 * n + 1) * size_);
      for (int r = 0; r < R; ++r) {
        const Z P = coefficient(n, entries().p(r));
        q.v[r] = add_real_product(q.v[r], P, z);
        for (int l = 0; l < R; ++l)
          G[r * R + l] =
              add_real_product(G[r * R + l], P, inverse * coefficient(n, entries().p(l)));
      }
    }
    for (int r = 0; r < R; ++r) q.v[r] = hn::Add(q.v[r], q.v[r]);
    for (int i = 0; i < R * R; ++i) G[i] = hn::Add(G[i], G[i]);
    const Real k = solve(h, G, q);
    for (int64_t n = 0; n < p_.states && R > 0; ++n) {
      T* z = solved_.data() + 2 * n * size_;
      Z sum = zero_complex(d);
      for (int r = 0; r < R; ++r) sum = add_scaled(sum, k.v[r], coefficient(n, entries().p(r)));
      const Z inverse = load_complex(d, z + size_);
      store_complex(d, load_complex(d, z) - scaled(h, inverse * sum), z);
    }
    return k;
  }
  HWY_INLINE Z solved(int64_t n) const { return load_complex(d, solved_.data() + 2 * n * size_); }

  /// Element n of the state that step t starts from.
  HWY_INLINE Z previous(const T* before, int64_t n, bool fresh) const {
    return fresh ? zero_complex(d) : load_complex(d, before + n * size_);
  }

  /// Step t: from `before` to `after`, which may be the same.
  HWY_INLINE void advance(int64_t t, V u, const T* before, T* after) {
    const bool fresh = p_.starts(place_.row, t);
    const V h = half_step(t), hu = hn::Mul(h, u);
    solve_shifted<false>(h, [&](int64_t n) {
      return add_scaled(previous(before, n, fresh), hu, coefficient(n, entries().b()));
    });
    for (int64_t n = 0; n < p_.states; ++n) {
      const Z m = solved(n);
      store_complex(d, m + m - previous(before, n, fresh), after + n * size_);
    }
  }

  /// Step t back. `before` has the state before it, the one after it stands behind; `rho` holds the gradient of what is after, and then of what is before. Returns du.
  V retreat(int64_t t, V u, V dy, const T* before, T* rho, T* sums, T* ddt) {
    const T* after = before + p_.states * size_;
    const V h = half_step(t), half = hn::Set(d, static_cast<T>(0.5));
    const bool fresh = p_.starts(place_.row, t);
    Real k{};  // P^* m
    for (int r = 0; r < R; ++r) k.v[r] = hn::Zero(d);
    const auto midpoint = [&](int64_t n) {
      return scaled(half, previous(before, n, fresh) + load_complex(d, after + n * size_));
    };
    const Real ks = solve_shifted<true>(h, [&](int64_t n) {
      const Z C = coefficient(n, entries().c()), x = load_complex(d, after + n * size_);
      Z r = load_complex(d, rho + n * size_);
      r = {hn::MulAdd(C.re, dy, r.re), hn::NegMulAdd(C.im, dy, r.im)};
      store_complex(d, r, rho + n * size_);
      add(sums, n, entries().c(), dy, Z{x.re, hn::Neg(x.im)});
      for (int i = 0; i < R; ++i)
        k.v[i] = add_real_product(k.v[i], coefficient(n, entries().p(i)), midpoint(n));
      return r + r;
    });
    for (int i = 0; i < R; ++i) k.v[i] = hn::Add(k.v[i], k.v[i]);

    V du = hn::Zero(d), dh = hn::Zero(d);
    for (int64_t n = 0; n < p_.states; ++n) {
      const Z s = solved(n), m = midpoint(n), B = coefficient(n, entries().b());
      Z slope = add_product(scaled(u, B), coefficient(n, entries().lambda()), m);  // A m + B u
      for (int i = 0; i < R; ++i) {
        slope = subtract_scaled(slope, k.v[i], coefficient(n, entries().p(i)));
        add(sums, n, entries().p(i), hn::Neg(hn::Mul(h, k.v[i])), s);
        add(sums, n, entries().p(i), hn::Neg(hn::Mul(h, ks.v[i])), m);
      }
      dh = add_real_product(dh, s, slope);
      du = add_real_product(du, B, s);
      add(sums, n, entries().lambda(), h, conj_times(m, s));
      add(sums, n, entries().b(), hn::Mul(h, u), s);
      const Z earlier = fresh ? zero_complex(d) : s - load_complex(d, rho + n * size_);
      store_complex(d, earlier, rho + n * size_);
    }
    const V half_interval = hn::Set(d, static_cast<T>(0.5) * p_.intervals(place_.row, t));
    hn::StoreU(hn::MulAdd(half_interval, dh, hn::LoadU(d, ddt)), d, ddt);
    return hn::Mul(h, du);
  }

  const MidpointProblem<T>& p_;
  Place<T> place_;
  int64_t size_;  // of an element of the state
  LaneTable<T> x_;
  std::vector<T> solved_;  // [state, 2]: a solution, and the inverse of 1 - h lambda
  std::vector<T> u_, y_;   // of the steps of a chunk
};

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
