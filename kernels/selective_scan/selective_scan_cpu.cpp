// The selective scan on a CPU: lanes are channels, states are registers. See README.md, "On a CPU".
#include "kernels/selective_scan/selective_scan.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/selective_scan/selective_scan_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/selective_scan/step-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

// ---------------------------------------------------------------------------------- forward pass

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

// --------------------------------------------------------------------------------- backward pass

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
    ahead.fetch(t);
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
  V carry[kStates], sum_A[kStates], after[kStates];
  for (int i = 0; i < kStates; ++i) {
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
      along_A = hn::MulAdd(rate, hn::Load(d, A + (n + i) * lanes), along_A);
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

/// The lanes of each vector of [time][block] added up, to states [n, n + block) of each step.
template <class T>
void add_lanes(const Chunk<T>& k, int64_t n, int64_t block, const T* vectors,
               const View<T, 2>& to) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t t = 0; t < k.steps; ++t)
    for (int64_t i = 0; i < block; ++i, vectors += lanes)
      to(k.begin + t, n + i) = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, vectors)));
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
      add_lanes(k, n, size(), dB, part_of(grad.B));
      add_lanes(k, n, size(), dC, part_of(grad.C));
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

/// Writes the sum of parts[..., i, ...] over `axis`, in order, to `sum`. The parts are used up.
template <class T>
void add_parts(const Tensor& parts, int axis, Tensor& sum) {
  if (!sum) return;
  const int64_t count = parts.size(axis);
  if (parts.numel() == 0) return sum.fill(0);
  const int64_t inner = parts.stride(axis), outer = parts.numel() / (count * inner);
  for (int64_t o = 0; o < outer; ++o) {
    T* total = parts.data<T>() + o * count * inner;
    parallel_for(inner, 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = 1; i < count; ++i)
        for (int64_t j = begin; j < end; ++j) total[j] += total[i * inner + j];
    });
  }
  sum.copy_from(parts.select(axis, 0));
}

// ------------------------------------------------------------------------------------------ calls

template <class T>
void forward_of(const SelectiveScan& call, Tensor& y, Tensor& final_state, Tensor& chunk_states) {
  const Arguments<T> in(call);
  const auto out = y.view<T, 3>(), last = final_state.view<T, 3>();
  const auto kept = view_of<T, 4>(chunk_states);
  if (in.time == 1 && !kept.data) return forward_step(in, out, last);
  parallel_chunks(in.batch * in.panels,
                  [&](int64_t task) { forward_panel(in, task, out, last, kept); });
}

template <class T>
void backward_of(const SelectiveScan& call, const Tensor& chunk_states, const Tensor& dy,
                 const Tensor& dfinal_state, SelectiveScan& grad) {
  const Arguments<T> in(call);
  const auto parts = [](const Shape& shape) { return Tensor::empty(shape, dtype_of<T>); };
  const Tensor B = parts({in.batch, in.panels, in.time, in.states}), C = parts(B.shape());
  const Tensor A = parts({in.batch, in.channels, in.states});
  const Tensor D = parts({in.batch, in.channels}), delta_bias = parts(D.shape());
  const Gradients<T> to{grad.u.view<T, 3>(),    grad.delta.view<T, 3>(),
                        view_of<T, 3>(grad.z),  view_of<T, 3>(grad.initial_state),
                        B.view<T, 4>(),         C.view<T, 4>(),
                        A.view<T, 3>(),         D.view<T, 2>(),
                        delta_bias.view<T, 2>()};
  const auto states = chunk_states.view<const T, 4>();
  const auto g = dy.view<const T, 3>(), dfinal = view_of<const T, 3>(dfinal_state);
  parallel_chunks(in.batch * in.panels,
                  [&](int64_t task) { backward_panel(in, task, states, g, dfinal, to); });
  add_parts<T>(A, 0, grad.A);
  add_parts<T>(B, 1, grad.B);
  add_parts<T>(C, 1, grad.C);
  add_parts<T>(D, 0, grad.D);
  add_parts<T>(delta_bias, 0, grad.delta_bias);
}

void forward(const SelectiveScan& in, Tensor& y, Tensor& final_state, Tensor& chunk_states) {
  for_float("selective_scan", in.u.dtype(), [&](auto tag) {
    forward_of<typename decltype(tag)::type>(in, y, final_state, chunk_states);
  });
}

void backward(const SelectiveScan& in, const Tensor& chunk_states, const Tensor& dy,
              const Tensor& dfinal_state, SelectiveScan& grad) {
  for_float("selective_scan", in.u.dtype(), [&](auto tag) {
    backward_of<typename decltype(tag)::type>(in, chunk_states, dy, dfinal_state, grad);
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

const Implementation cpu_forward{
    selective_scan_forward, DeviceKind::cpu,
    [](const SelectiveScan& in, Tensor& y, Tensor& final_state, Tensor& chunk_states) {
      HWY_DYNAMIC_DISPATCH(forward)(in, y, final_state, chunk_states);
    }};
const Implementation cpu_backward{
    selective_scan_backward, DeviceKind::cpu,
    [](const SelectiveScan& in, const Tensor& chunk_states, const Tensor& dy,
       const Tensor& dfinal_state, SelectiveScan& grad) {
      HWY_DYNAMIC_DISPATCH(backward)(in, chunk_states, dy, dfinal_state, grad);
    }};

}  // namespace
}  // namespace lw::kernels
#endif
