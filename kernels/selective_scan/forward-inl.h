// The forward pass of the selective scan on a CPU: three loops over each chunk of each strip. Included by
// selective_scan_cpu.cpp alone; see README.md, "On a CPU".

#if defined(LW_KERNELS_SELECTIVE_SCAN_FORWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_SELECTIVE_SCAN_FORWARD_INL_H_
#undef LW_KERNELS_SELECTIVE_SCAN_FORWARD_INL_H_
#else
#define LW_KERNELS_SELECTIVE_SCAN_FORWARD_INL_H_
#endif

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/selective_scan/strip-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// Loop 1 of the forward pass: step sizes dt, what enters the state dt u, and the skip D u.
template <class D, class T = hn::TFromD<D>>
void enter(const Strip<D>& s, const Chunk<T>& k, T* dt, T* dtu, T* y) {
  const D d;
  const int64_t lanes = s.lanes, steps = k.steps;
  const bool softplus = s.in.softplus;
  const auto u = s.column(s.in.u, k), delta = s.column(s.in.delta, k);
  const auto bias = s.load(s.in.delta_bias), skip = s.load(s.in.D);
  for (int64_t t = 0; t < steps; ++t) {
    const auto u_t = u.load(t);
    auto step = hn::Add(delta.load(t), bias);
    if (softplus) step = StepSize<D>(d, step).dt;
    hn::Store(step, d, dt + t * lanes);
    hn::Store(hn::Mul(step, u_t), d, dtu + t * lanes);
    hn::Store(hn::Mul(skip, u_t), d, y + t * lanes);
  }
}

/// Loop 2: h <- exp(dt A) h + dt u B and y += C h, for states [n, n + kStates) in registers.
/// A is in units of log 2.
template <int kStates, class D, class T = hn::TFromD<D>>
void recur(D d, const Chunk<T>& k, int64_t n, const T* A, const T* dt, const T* dtu, T* h, T* y,
           const typename Ahead<T>::Part& ahead) {
  constexpr int kTogether = kStates < 4 ? kStates : 4;
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V a[kStates], state[kStates];
  for (int i = 0; i < kStates; ++i) a[i] = hn::Load(d, A + (n + i) * lanes);
  for (int i = 0; i < kStates; ++i) state[i] = hn::Load(d, h + (n + i) * lanes);
  const T *B = k.B + n, *C = k.C + n;
  for (int64_t t = 0; t < k.steps; ++t, B += k.B_pitch, C += k.C_pitch) {
    ahead.fetch(t);
    if (k.resets[t]) [[unlikely]]
      for (int i = 0; i < kStates; ++i) state[i] = hn::Zero(d);
    const V step = hn::Load(d, dt + t * lanes), input = hn::Load(d, dtu + t * lanes);
    V sum = hn::Load(d, y + t * lanes);
    HWY_UNROLL(8)
    for (int first = 0; first < kStates; first += kTogether) {
      V decay[kTogether];
      HWY_UNROLL(8)
      for (int i = 0; i < kTogether; ++i) decay[i] = hn::Mul(step, a[first + i]);
      decays_of(d, decay);
      HWY_UNROLL(8)
      for (int i = 0; i < kTogether; ++i) {
        V& h_n = state[first + i];
        h_n = hn::MulAdd(decay[i], h_n, hn::Mul(input, hn::Set(d, B[first + i])));
        sum = hn::MulAdd(h_n, hn::Set(d, C[first + i]), sum);
      }
    }
    hn::Store(sum, d, y + t * lanes);
  }
  for (int i = 0; i < kStates; ++i) hn::Store(state[i], d, h + (n + i) * lanes);
}

/// Loop 3: the gate.
template <class D, class T = hn::TFromD<D>>
void leave(const Strip<D>& s, const Chunk<T>& k, const T* y, const View<T, 3>& out) {
  const D d;
  const int64_t lanes = s.lanes, steps = k.steps;
  const auto z = s.column(s.in.z, k);
  const auto to = s.column(out, k);
  for (int64_t t = 0; t < steps; ++t) {
    auto result = hn::Load(d, y + t * lanes);
    if (z.data) {
      const auto z_t = z.load(t);
      result = hn::Mul(result, hn::Mul(z_t, math::sigmoid(d, z_t)));
    }
    to.store(result, t);
  }
}

template <class T>
void forward_panel(const Arguments<T>& in, int64_t task, const View<T, 3>& y,
                   const View<T, 3>& final_state, const View<T, 4>& chunk_states) {
  constexpr int most = 8;  // states at a time: they and their rates are in registers
  const hn::ScalableTag<T> d;
  const Panel<decltype(d)> panel(in, task);
  const int64_t lanes = panel.lanes, strips = panel.strips, b = panel.b;
  const int64_t each = in.states * lanes, course = chunk_steps * lanes;
  const Buffer<T> A(strips * each), h(strips * each), dt(course), dtu(course), sums(course);

  for (int64_t i = 0; i < strips; ++i) {
    panel.strip(i).load_states(in.A, static_cast<T>(log2_e), A.get() + i * each);
    panel.strip(i).load_states(row_of(in.initial_state, b), 1, h.get() + i * each);
  }
  for (int64_t index = 0; index < in.chunks; ++index) {
    const Chunk<T> k(in, b, index);
    const int64_t next = index + 1 < in.chunks ? chunk_steps : 0;
    for (int64_t i = 0; i < strips; ++i) {
      const auto s = panel.strip(i);
      T* state = h.get() + i * each;
      if (chunk_states.data)
        for (int64_t n = 0; n < in.states; ++n)
          std::memcpy(&chunk_states(b, index, n, s.c), state + n * lanes,
                      static_cast<size_t>(s.count) * sizeof(T));
      enter(s, k, dt.get(), dtu.get(), sums.get());
      const auto distance = [&](int64_t pitch) {  // to the strip visited next
        return i + 1 < strips ? lanes : next * pitch - i * lanes;
      };
      Ahead<T> ahead;
      for (const auto& v : {in.u, in.delta, in.z})
        ahead.add(s.column(v, k), distance(v.strides[1]));
      ahead.add(s.column(y, k), distance(y.strides[1]));
      for_blocks<most>(in.states, [&](auto block, int64_t n) {
        recur<block()>(d, k, n, A.get() + i * each, dt.get(), dtu.get(), state, sums.get(),
                       ahead.part(n / most, ceil_div(in.states, most)));
      });
      leave(s, k, sums.get(), y);
    }
  }
  for (int64_t i = 0; i < strips; ++i)
    panel.strip(i).store_states(h.get() + i * each, row_of(final_state, b));
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
