// The backward pass of the selective scan on a CPU: three loops over each chunk of each strip. Included by
// selective_scan_cpu.cpp alone; see README.md, "On a CPU".

#if defined(LW_KERNELS_SELECTIVE_SCAN_BACKWARD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_SELECTIVE_SCAN_BACKWARD_INL_H_
#undef LW_KERNELS_SELECTIVE_SCAN_BACKWARD_INL_H_
#else
#define LW_KERNELS_SELECTIVE_SCAN_BACKWARD_INL_H_
#endif

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/selective_scan/lane_sums-inl.h"
#include "kernels/selective_scan/strip-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// The gradients of a call. Those that are sums over panels or rows are parts, one for each.
template <class T>
struct Gradients {
  View<T, 3> u, delta, z, initial_state;
  View<T, 4> B, C;           // [batch, panel, time, state]
  View<T, 3> A;              // [batch, channel, state]
  View<T, 2> D, delta_bias;  // [batch, channel]
};

/// Vectors over the time of a chunk, of one strip. g is the gradient of y before the gate.
template <class T>
struct Courses {
  T *dt, *dtu, *g;           // dt, dt u, dL/d(y before the gate)
  T *slope, *gate;           // d dt / d delta, dL/dz / (y before the gate)
  T *y, *along_B, *along_A;  // sums over states: C h + D u; q B; q a h A

  static constexpr int64_t count = 8;
  Courses(T* memory, int64_t size)
      : dt(memory),
        dtu(dt + size),
        g(dtu + size),
        slope(g + size),
        gate(slope + size),
        y(gate + size),
        along_B(y + size),
        along_A(along_B + size) {}
};

/// Loop 1 of the backward pass: all that does not depend on the states.
template <class D, class T = hn::TFromD<D>>
void enter(const Strip<D>& s, const Chunk<T>& k, const View<const T, 3>& dy, const Courses<T>& to,
           T* dD) {
  const D d;
  const int64_t lanes = s.lanes, steps = k.steps;
  const bool softplus = s.in.softplus;
  const auto u = s.column(s.in.u, k), delta = s.column(s.in.delta, k), z = s.column(s.in.z, k);
  const auto dy_of = s.column(dy, k);
  const auto one = hn::Set(d, T{1}), bias = s.load(s.in.delta_bias), skip = s.load(s.in.D);
  auto dskip = hn::Load(d, dD);
  for (int64_t t = 0; t < steps; ++t) {
    const int64_t at = t * lanes;
    const auto u_t = u.load(t);
    auto step = hn::Add(delta.load(t), bias), slope = one;
    if (softplus) {
      const StepSize<D> size(d, step);
      step = size.dt, slope = size.slope;
    }
    auto g = dy_of.load(t);
    if (z.data) {
      const auto z_t = z.load(t), sigmoid = math::sigmoid(d, z_t), scaled = hn::Mul(g, sigmoid);
      hn::Store(hn::Mul(scaled, hn::MulAdd(z_t, hn::Sub(one, sigmoid), one)), d, to.gate + at);
      g = hn::Mul(scaled, z_t);
    }
    dskip = hn::MulAdd(g, u_t, dskip);
    hn::Store(step, d, to.dt + at);
    hn::Store(hn::Mul(step, u_t), d, to.dtu + at);
    hn::Store(g, d, to.g + at);
    hn::Store(slope, d, to.slope + at);
    hn::Store(hn::Mul(skip, u_t), d, to.y + at);
    hn::Store(hn::Zero(d), d, to.along_B + at);
    hn::Store(hn::Zero(d), d, to.along_A + at);
  }
  hn::Store(dskip, d, dD);
}

/// Loop 2a: as `recur`, from the states `h` before the chunk; keeps, for each step, the decay and the
/// state before it, in buffers [time][kStates][lane].
template <int kStates, class D, class T = hn::TFromD<D>>
void recur_again(const Strip<D>& s, const Chunk<T>& k, int64_t n, const T* A,
                 const Column<D, const T>& h, const Courses<T>& over, T* decays, T* states,
                 const typename Ahead<T>::Part& ahead) {
  using V = hn::Vec<D>;
  const D d;
  const int64_t lanes = s.lanes;
  V a[kStates], state[kStates];
  for (int i = 0; i < kStates; ++i) a[i] = hn::Load(d, A + (n + i) * lanes);
  for (int i = 0; i < kStates; ++i) state[i] = h.load(n + i);
  const T *B = k.B + n, *C = k.C + n;
  for (int64_t t = 0; t < k.steps; ++t, B += k.B_pitch, C += k.C_pitch) {
    ahead.fetch_far(t);
    const V step = hn::Load(d, over.dt + t * lanes), input = hn::Load(d, over.dtu + t * lanes);
    V sum = hn::Load(d, over.y + t * lanes), decay[kStates];
    HWY_UNROLL(8)
    for (int i = 0; i < kStates; ++i) decay[i] = hn::Mul(step, a[i]);
    decays_of(d, decay);
    HWY_UNROLL(8)
    for (int i = 0; i < kStates; ++i) hn::Store(state[i], d, states + i * lanes);
    if (k.resets[t]) [[unlikely]]
      for (int i = 0; i < kStates; ++i) decay[i] = state[i] = hn::Zero(d);
    HWY_UNROLL(8)
    for (int i = 0; i < kStates; ++i) {
      hn::Store(decay[i], d, decays + i * lanes);
      state[i] = hn::MulAdd(decay[i], state[i], hn::Mul(input, hn::Set(d, B[i])));
      sum = hn::MulAdd(state[i], hn::Set(d, C[i]), sum);
    }
    hn::Store(sum, d, over.y + t * lanes);
    decays += kStates * lanes, states += kStates * lanes;
  }
  for (int i = 0; i < kStates; ++i) hn::Store(state[i], d, states + i * lanes);
}

/// Loop 2b, backwards in time: with q the gradient of h_t and r = a_{t+1} q_{t+1} what reaches it
/// from later steps,
///
///   q = C g + r      dC += g h      dB += q dt u      dA += dt q a h      r <- a q
///
/// and the sums over states q B and q a h A. dB and dC are added lane by lane, to [time][kStates]
/// vectors that the strips of a panel share.
template <int kStates, class D, class T = hn::TFromD<D>>
void recur_back(D d, const Chunk<T>& k, int64_t n, const T* A, const T* decays, const T* states,
                const Courses<T>& over, T* r, T* dA, T* dB, T* dC) {
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V a[kStates], carry[kStates], sum_A[kStates], after[kStates];
  for (int i = 0; i < kStates; ++i) {
    a[i] = hn::Load(d, A + (n + i) * lanes);
    carry[i] = hn::Load(d, r + (n + i) * lanes);
    sum_A[i] = hn::Load(d, dA + (n + i) * lanes);
    after[i] = hn::Load(d, states + (k.steps * kStates + i) * lanes);
  }
  const T* B = k.B + (k.steps - 1) * k.B_pitch + n;
  const T* C = k.C + (k.steps - 1) * k.C_pitch + n;
  for (int64_t t = k.steps - 1; t >= 0; --t, B -= k.B_pitch, C -= k.C_pitch) {
    const V step = hn::Load(d, over.dt + t * lanes), input = hn::Load(d, over.dtu + t * lanes);
    const V g = hn::Load(d, over.g + t * lanes);
    V along_B = hn::Load(d, over.along_B + t * lanes);
    V along_A = hn::Load(d, over.along_A + t * lanes);
    HWY_UNROLL(8)
    for (int i = 0; i < kStates; ++i) {
      const int64_t at = (t * kStates + i) * lanes;
      const V q = hn::MulAdd(g, hn::Set(d, C[i]), carry[i]);
      hn::Store(hn::MulAdd(g, after[i], hn::Load(d, dC + at)), d, dC + at);
      hn::Store(hn::MulAdd(q, input, hn::Load(d, dB + at)), d, dB + at);
      along_B = hn::MulAdd(q, hn::Set(d, B[i]), along_B);
      carry[i] = hn::Mul(q, hn::Load(d, decays + at));
      after[i] = hn::Load(d, states + at);
      const V rate = hn::Mul(carry[i], after[i]);
      sum_A[i] = hn::MulAdd(step, rate, sum_A[i]);
      along_A = hn::MulAdd(rate, a[i], along_A);
    }
    hn::Store(along_B, d, over.along_B + t * lanes);
    hn::Store(along_A, d, over.along_A + t * lanes);
  }
  for (int i = 0; i < kStates; ++i) {
    hn::Store(carry[i], d, r + (n + i) * lanes);
    hn::Store(sum_A[i], d, dA + (n + i) * lanes);
  }
}

/// Loop 3 of the backward pass: from the sums over states to the gradients of u, delta and z.
template <class D, class T = hn::TFromD<D>>
void leave(const Strip<D>& s, const Chunk<T>& k, const Courses<T>& from, const Gradients<T>& grad,
           T* dbias) {
  const D d;
  const int64_t lanes = s.lanes, steps = k.steps;
  const auto u = s.column(s.in.u, k);
  const auto du = s.column(grad.u, k), ddelta = s.column(grad.delta, k), dz = s.column(grad.z, k);
  const auto skip = s.load(s.in.D), unit = hn::Set(d, static_cast<T>(ln_2));
  auto sum = hn::Load(d, dbias);
  for (int64_t t = 0; t < steps; ++t) {
    const int64_t at = t * lanes;
    const auto along_B = hn::Load(d, from.along_B + at), g = hn::Load(d, from.g + at);
    const auto ddt = hn::MulAdd(u.load(t), along_B, hn::Mul(unit, hn::Load(d, from.along_A + at)));
    const auto dstep = hn::Mul(ddt, hn::Load(d, from.slope + at));
    sum = hn::Add(sum, dstep);
    du.store(hn::MulAdd(hn::Load(d, from.dt + at), along_B, hn::Mul(skip, g)), t);
    ddelta.store(dstep, t);
    if (dz.data) {
      dz.store(hn::Mul(hn::Load(d, from.gate + at), hn::Load(d, from.y + at)), t);
    }
  }
  hn::Store(sum, d, dbias);
}

template <class T>
void backward_panel(const Arguments<T>& in, int64_t task, const View<const T, 4>& chunk_states,
                    const View<const T, 3>& dy, const View<const T, 3>& dfinal,
                    const Gradients<T>& grad) {
  constexpr int most = 4;  // states at a time: their buffers, `near`, fill the first cache
  const hn::ScalableTag<T> d;
  const Panel<decltype(d)> panel(in, task);
  const int64_t lanes = panel.lanes, strips = panel.strips, b = panel.b;
  const int64_t each = in.states * lanes, course = chunk_steps * lanes, block = most * course;
  const Buffer<T> A(strips * each), r(strips * each), dA(strips * each);
  const Buffer<T> dD(strips * lanes), dbias(strips * lanes);
  const Buffer<T> courses(strips * Courses<T>::count * course);
  const Buffer<T> near(4 * block + most * lanes);
  T *const decays = near.get(), *const states = decays + block;
  T *const dB = states + block + most * lanes, *const dC = dB + block;
  const auto courses_of = [&](int64_t i) {
    return Courses<T>(courses.get() + i * Courses<T>::count * course, course);
  };
  const auto states_before = [&](int64_t index, const auto& s) {
    const T* h = &chunk_states(b, index, 0, s.c);
    return Column<decltype(d), const T>{d, h, chunk_states.strides[2], s.count};
  };
  const auto part_of = [&](const View<T, 4>& parts) {
    return View<T, 2>{&parts(b, panel.index, 0, 0), {in.time, in.states}, {in.states, 1}};
  };
  std::vector<Ahead<T>> aheads(static_cast<size_t>(strips));

  for (int64_t i = 0; i < strips; ++i) {
    panel.strip(i).load_states(in.A, static_cast<T>(log2_e), A.get() + i * each);
    panel.strip(i).load_states(row_of(dfinal, b), 1, r.get() + i * each);
  }
  std::fill_n(dA.get(), strips * each, T{0});
  std::fill_n(dD.get(), strips * lanes, T{0});
  std::fill_n(dbias.get(), strips * lanes, T{0});
  for (int64_t index = in.chunks - 1; index >= 0; --index) {
    const Chunk<T> k(in, b, index);
    const int64_t next = index > 0 ? -chunk_steps : 0;
    for (int64_t i = 0; i < strips; ++i) {
      const auto s = panel.strip(i);
      enter(s, k, dy, courses_of(i), dD.get() + i * lanes);
      Ahead<T> ahead;
      for (const auto& v : {in.u, in.delta, in.z, dy})
        ahead.add(s.column(v, k), next * v.strides[1]);
      if (index > 0) ahead.add(states_before(index - 1, s), 0);
      for (const auto& v : {grad.u, grad.delta, grad.z}) ahead.add(s.column(v, k), 0);
      aheads[static_cast<size_t>(i)] = ahead;
    }
    for_blocks<most>(in.states, [&](auto size, int64_t n) {
      std::fill_n(dB, 2 * block, T{0});
      for (int64_t i = 0; i < strips; ++i) {
        const Courses<T> over = courses_of(i);
        const auto s = panel.strip(i);
        const T* a = A.get() + i * each;
        const auto ahead = aheads[static_cast<size_t>(i)].part(n / most, ceil_div(in.states, most));
        recur_again<size()>(s, k, n, a, states_before(index, s), over, decays, states, ahead);
        recur_back<size()>(d, k, n, a, decays, states, over, r.get() + i * each,
                           dA.get() + i * each, dB, dC);
      }
      add_lanes<size()>(k, n, dB, part_of(grad.B));
      add_lanes<size()>(k, n, dC, part_of(grad.C));
    });
    for (int64_t i = 0; i < strips; ++i)
      leave(panel.strip(i), k, courses_of(i), grad, dbias.get() + i * lanes);
  }
  for (int64_t i = 0; i < strips; ++i) {
    const auto s = panel.strip(i);
    s.store_states(dA.get() + i * each, row_of(grad.A, b));
    if (grad.initial_state.data) s.store_states(r.get() + i * each, row_of(grad.initial_state, b));
    store_lanes(d, hn::Load(d, dD.get() + i * lanes), &grad.D(b, s.c), s.count);
    store_lanes(d, hn::Load(d, dbias.get() + i * lanes), &grad.delta_bias(b, s.c), s.count);
  }
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
