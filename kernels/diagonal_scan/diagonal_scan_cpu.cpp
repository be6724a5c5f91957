#include "kernels/diagonal_scan/diagonal_scan.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/diagonal_scan/diagonal_scan_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/diagonal_scan/diagonal_step-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

constexpr int64_t chunk_steps = 64;

/// What all tasks of a call share.
template <class T>
struct Problem : Signal<T> {
  using C = std::complex<T>;

  int64_t states;
  T scale;
  LaneTable<T> coefficients;  // A, B, k C

  explicit Problem(const DiagonalScan& in)
      : Signal<T>(in.u, in.state, in.resets),
        states(in.A.size(1)),
        scale(in.conjugate_pairs ? 2 : 1),
        coefficients(this->blocks, states, 3, this->lanes) {
    const int64_t lanes = this->lanes;
    const auto A = in.A.view<const C, 2>(), B = in.B.view<const C, 2>(),
               c = in.C.view<const C, 2>();
    parallel_for(this->channels, 64, [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h)
        for (int64_t n = 0; n < states; ++n) {
          coefficients.set(h / lanes, n, 0, h % lanes, A(h, n));
          coefficients.set(h / lanes, n, 1, h % lanes, B(h, n));
          coefficients.set(h / lanes, n, 2, h % lanes, scale * c(h, n));
        }
    });
  }

  int64_t chunks() const { return (this->time + chunk_steps - 1) / chunk_steps; }
};

/// One batch row of one vector of channels.
template <class T, class Step>
class Strip {
 public:
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  using Times = typename Step::Times;

  Strip(const Problem<T>& problem, const Times& times, int64_t task)
      : p_(problem),
        times_(times),
        place_(p_, task),
        x_(1, p_.states, 1, p_.lanes),
        u_(static_cast<size_t>(chunk_steps * p_.lanes)),
        y_(u_.size()) {
    if (p_.state.data) place_.gather(p_.state, x_);
  }

  void forward(const View<T, 3>& y, const View<std::complex<T>, 3>& final_state) {
    for (int64_t chunk = 0; chunk < p_.chunks(); ++chunk) {
      const int64_t begin = chunk * chunk_steps, end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      std::fill(y_.begin(), y_.end(), T{0});
      const auto segments = segments_of(p_.resets, place_.row, begin, end);
      int64_t n = 0;
      for (; n + 2 <= p_.states; n += 2) advance<2, true>(n, begin, segments);
      for (; n < p_.states; ++n) advance<1, true>(n, begin, segments);
      place_.write(y_.data(), begin, end, y);
    }
    place_.scatter(x_, final_state);
  }

  /// `sums` receives dA, dB and d(k C) of this row.
  void backward(const View<const T, 3>& dy, const View<const std::complex<T>, 3>& dfinal,
                const View<T, 3>& du, const View<std::complex<T>, 3>& dstate, LaneTable<T>& sums,
                int64_t sums_block) {
    const int64_t chunks = p_.chunks();
    LaneTable<T> starts(chunks, p_.states, 1, p_.lanes);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const int64_t begin = chunk * chunk_steps, end = std::min(begin + chunk_steps, p_.time);
      for (int64_t n = 0; n < p_.states; ++n)
        store_complex(d, load_complex(d, x_.at(0, n, 0)), starts.at(chunk, n, 0));
      if (chunk + 1 == chunks) break;
      place_.read(p_.u, begin, end, u_.data());
      const auto segments = segments_of(p_.resets, place_.row, begin, end);
      int64_t n = 0;
      for (; n + 2 <= p_.states; n += 2) advance<2, false>(n, begin, segments);
      for (; n < p_.states; ++n) advance<1, false>(n, begin, segments);
    }

    LaneTable<T> r(1, p_.states, 1, p_.lanes);
    if (dfinal.data) place_.gather(dfinal, r);
    std::vector<T> out(u_.size()), states(static_cast<size_t>((chunk_steps + 1) * 2 * p_.lanes));
    for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
      const int64_t begin = chunk * chunk_steps, end = std::min(begin + chunk_steps, p_.time);
      place_.read(p_.u, begin, end, u_.data());
      place_.read(dy, begin, end, y_.data());
      std::fill(out.begin(), out.end(), T{0});
      const auto segments = segments_of(p_.resets, place_.row, begin, end);
      for (int64_t n = 0; n < p_.states; ++n)
        retreat(n, begin, segments, starts.at(chunk, n, 0), states.data(), r.at(0, n, 0),
                out.data(), sums, sums_block);
      place_.write(out.data(), begin, end, du);
    }
    if (dstate.data) place_.scatter(r, dstate);
  }

 private:
  static constexpr D d{};

  Complex<D> coefficient(int64_t n, int64_t entry) const {
    return load_complex(d, p_.coefficients.at(place_.block, n, entry));
  }

  Step step(int64_t n) const { return {times_, place_.row, coefficient(n, 0), coefficient(n, 1)}; }

  /// Elements n ... n + kCount - 1 of the state through the steps of the chunk from `begin` on.
  template <int kCount, bool kOutput>
  void advance(int64_t n, int64_t begin, const std::vector<Segment>& segments) {
    static_assert(kCount <= 2);
    const Step steps[] = {step(n), step(n + kCount - 1)};
    Complex<D> x[kCount], C[kCount];
    for (int i = 0; i < kCount; ++i) {
      x[i] = load_complex(d, x_.at(0, n + i, 0));
      C[i] = coefficient(n + i, 2);
    }
    for (const Segment& segment : segments) {
      if (segment.starts)
        for (int i = 0; i < kCount; ++i) x[i] = zero_complex(d);
      for (int64_t t = segment.begin; t < segment.end; ++t) {
        const V u = hn::LoadU(d, u_.data() + t * p_.lanes);
        V y = hn::LoadU(d, y_.data() + t * p_.lanes);
        for (int i = 0; i < kCount; ++i) {
          x[i] = steps[i].advance(u, x[i], begin + t);
          if constexpr (kOutput)
            y = hn::MulAdd(C[i].re, x[i].re, hn::NegMulAdd(C[i].im, x[i].im, y));
        }
        if constexpr (kOutput) hn::StoreU(y, d, y_.data() + t * p_.lanes);
      }
    }
    for (int i = 0; i < kCount; ++i) store_complex(d, x[i], x_.at(0, n + i, 0));
  }

  /// Element n of the state back through the steps of a chunk that it enters with x at `start`.
  /// `r_memory` holds conj(A) r of the first step after it, and then of its own.
  void retreat(int64_t n, int64_t begin, const std::vector<Segment>& segments, const T* start,
               T* states, T* r_memory, T* du, LaneTable<T>& sums, int64_t sums_block) const {
    const Step step = this->step(n);
    const Complex<D> C = coefficient(n, 2);
    const int64_t size = 2 * p_.lanes;
    Complex<D> x = load_complex(d, start);
    // states[t] is what stood before step t, even where t starts afresh
    store_complex(d, x, states);
    for (const Segment& segment : segments) {
      if (segment.starts) x = zero_complex(d);
      for (int64_t t = segment.begin; t < segment.end; ++t) {
        x = step.advance(hn::LoadU(d, u_.data() + t * p_.lanes), x, begin + t);
        store_complex(d, x, states + (t + 1) * size);
      }
    }

    Complex<D> r = load_complex(d, r_memory);
    StepGradients<D> gradients{load_complex(d, sums.at(sums_block, n, 0)),
                               load_complex(d, sums.at(sums_block, n, 1))};
    Complex<D> dC = load_complex(d, sums.at(sums_block, n, 2));
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
      for (int64_t t = segment->end - 1; t >= segment->begin; --t) {
        const V dy = hn::LoadU(d, y_.data() + t * p_.lanes);
        V out = hn::LoadU(d, du + t * p_.lanes);
        r.re = hn::MulAdd(C.re, dy, r.re);
        r.im = hn::NegMulAdd(C.im, dy, r.im);
        dC = {hn::MulAdd(dy, x.re, dC.re), hn::NegMulAdd(dy, x.im, dC.im)};
        const bool fresh = t == segment->begin && segment->starts;
        x = load_complex(d, states + t * size);
        r = step.retreat(hn::LoadU(d, u_.data() + t * p_.lanes), x, r, fresh, begin + t, out,
                         gradients);
        hn::StoreU(out, d, du + t * p_.lanes);
      }
    }
    store_complex(d, gradients.A, sums.at(sums_block, n, 0));
    store_complex(d, gradients.B, sums.at(sums_block, n, 1));
    store_complex(d, dC, sums.at(sums_block, n, 2));
    store_complex(d, r, r_memory);
  }

  const Problem<T>& p_;
  const Times& times_;
  Place<T> place_;
  LaneTable<T> x_;
  std::vector<T> u_, y_;  // of the steps of a chunk
};

template <class T, class Step>
void forward_of(const DiagonalScan& in, Tensor& y, Tensor& state) {
  const Problem<T> p(in);
  const typename Step::Times times(in);
  const auto out = y.view<T, 3>();
  const auto final_state = state.view<std::complex<T>, 3>();
  parallel_chunks(p.tasks(),
                  [&](int64_t task) { Strip<T, Step>(p, times, task).forward(out, final_state); });
}

template <class T, class Step>
void backward_of(const DiagonalScan& in, const Tensor& dy, const Tensor& dstate,
                 DiagonalScanGradients& out) {
  using C = std::complex<T>;
  const Problem<T> p(in);
  const typename Step::Times times(in);
  const auto g = dy.view<const T, 3>();
  const auto dfinal = optional_view<const C, 3>(dstate);
  const auto du = out.u.view<T, 3>();
  const auto dinitial = optional_view<C, 3>(out.state);
  LaneTable<T> sums(p.tasks(), p.states, 3, p.lanes);
  parallel_chunks(p.tasks(), [&](int64_t task) {
    Strip<T, Step>(p, times, task).backward(g, dfinal, du, dinitial, sums, task);
  });

  const View<C, 2> results[] = {out.A.view<C, 2>(), out.B.view<C, 2>(), out.C.view<C, 2>()};
  parallel_for(p.channels, 16, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h)
      for (int64_t n = 0; n < p.states; ++n)
        for (int entry = 0; entry < 3; ++entry) {
          complex128 total = 0;
          for (int64_t b = 0; b < p.batch; ++b)
            total += complex128(sums.get(b * p.blocks + h / p.lanes, n, entry, h % p.lanes));
          results[entry](h, n) = C(entry == 2 ? static_cast<double>(p.scale) * total : total);
        }
  });
}

/// Calls f(TypeTag<T>(), TypeTag<Step>()).
template <class F>
void for_step(const DiagonalScan& in, F&& f) {
  for_float("diagonal_scan", in.u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (in.intervals)
      f(TypeTag<T>(), TypeTag<SampledStep<T>>());
    else
      f(TypeTag<T>(), TypeTag<RegularStep<T>>());
  });
}

void forward(const DiagonalScan& in, Tensor& y, Tensor& state) {
  for_step(in, [&](auto type, auto step) {
    forward_of<typename decltype(type)::type, typename decltype(step)::type>(in, y, state);
  });
}

void backward(const DiagonalScan& in, const Tensor& dy, const Tensor& dstate,
              DiagonalScanGradients& out) {
  for_step(in, [&](auto type, auto step) {
    backward_of<typename decltype(type)::type, typename decltype(step)::type>(in, dy, dstate, out);
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void forward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(forward)(args...); }
void backward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(backward)(args...); }

void shortest_in_chunks_cpu(const Tensor&, int64_t& steps) {
  steps = std::numeric_limits<int64_t>::max();
}

const Implementation cpu[] = {
    {diagonal_scan_forward, DeviceKind::cpu, &forward_cpu},
    {diagonal_scan_backward, DeviceKind::cpu, &backward_cpu},
    {diagonal_scan_shortest_in_chunks, DeviceKind::cpu, &shortest_in_chunks_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
