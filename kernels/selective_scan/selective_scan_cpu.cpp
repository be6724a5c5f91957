// The selective scan on a CPU: lanes are channels, states are registers. See README.md, "On a CPU".
#include "kernels/selective_scan/selective_scan.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/memory.h"
#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/selective_scan/selective_scan_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "core/simd_math-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace math = lw::simd::HWY_NAMESPACE;

constexpr int64_t chunk_steps = selective_scan_chunk;
constexpr int64_t panel_channels = 128;  // at most, in one task
constexpr double log2_e = 1.4426950408889634, ln_2 = 0.69314718055994531;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Uninitialised memory, aligned for vectors.
template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t size) : block_(allocate(size * static_cast<int64_t>(sizeof(T)))) {}
  T* get() const { return reinterpret_cast<T*>(block_.get()); }

 private:
  std::shared_ptr<std::byte> block_;
};

template <class T, int Rank>
View<T, Rank> view_of(const Tensor& t) {
  return t ? t.view<T, Rank>() : View<T, Rank>();
}

/// Row `b` of a view; none of none.
template <class T>
View<T, 2> row_of(const View<T, 3>& v, int64_t b) {
  if (!v.data) return {};
  return {&v(b, 0, 0), {v.sizes[1], v.sizes[2]}, {v.strides[1], v.strides[2]}};
}

/// The arguments of a call as views; their data is null where there is none.
template <class T>
struct Arguments {
  View<const T, 3> u, delta, B, C, z, initial_state;
  View<const T, 2> A;
  const T *D, *delta_bias;
  View<const uint8_t, 2> resets;
  bool softplus;
  int64_t batch, time, channels, states;
  int64_t chunks, panels, panel;  // chunks of a row, panels of its channels, channels of a panel

  explicit Arguments(const SelectiveScan& in)
      : u(in.u.view<const T, 3>()),
        delta(in.delta.view<const T, 3>()),
        B(in.B.view<const T, 3>()),
        C(in.C.view<const T, 3>()),
        z(view_of<const T, 3>(in.z)),
        initial_state(view_of<const T, 3>(in.initial_state)),
        A(in.A.view<const T, 2>()),
        D(in.D ? in.D.data<T>() : nullptr),
        delta_bias(in.delta_bias ? in.delta_bias.data<T>() : nullptr),
        resets(view_of<const uint8_t, 2>(in.resets)),
        softplus(in.softplus),
        batch(in.u.size(0)),
        time(in.u.size(1)),
        channels(in.u.size(2)),
        states(in.A.size(1)),
        chunks(ceil_div(time, chunk_steps)),
        panels(ceil_div(channels, panel_channels)),
        panel(panels ? ceil_div(ceil_div(channels, panels), 16) * 16 : 0) {}
};

/// Steps [begin, begin + steps) of a row, and what all its channels share.
template <class T>
struct Chunk {
  int64_t begin, steps;
  View<const T, 2> B, C;
  uint8_t resets[chunk_steps] = {};

  Chunk(const Arguments<T>& in, int64_t b, int64_t index)
      : begin(index * chunk_steps),
        steps(std::min(chunk_steps, in.time - begin)),
        B(row_of(in.B, b)),
        C(row_of(in.C, b)) {
    for (int64_t t = 0; in.resets.data && t < steps; ++t) resets[t] = in.resets(b, begin + t);
  }
  const T* B_at(int64_t t) const { return B.data + (begin + t) * B.strides[0]; }
  const T* C_at(int64_t t) const { return C.data + (begin + t) * C.strides[0]; }
};

/// Calls f(block, n) for blocks of states that cover [0, states): of kMost while they fit, then of
/// 4, then single ones. `block` is a constant of the program.
template <int kMost, class F>
void for_blocks(int64_t states, F&& f) {
  int64_t n = 0;
  for (; n + kMost <= states; n += kMost) f(std::integral_constant<int, kMost>(), n);
  for (; n + 4 <= states; n += 4) f(std::integral_constant<int, 4>(), n);
  for (; n < states; ++n) f(std::integral_constant<int, 1>(), n);
}

/// dt = softplus(v), and the slope of softplus.
template <class D>
struct StepSize {
  hn::Vec<D> dt, slope;

  HWY_INLINE StepSize(D d, hn::Vec<D> v) {
    using T = hn::TFromD<D>;
    const auto one = hn::Set(d, T{1});
    const auto linear = hn::Gt(v, hn::Set(d, T{20}));
    const auto e = math::exp(d, v);
    dt = hn::IfThenElse(linear, v, math::log1p(d, e));
    slope = hn::IfThenElse(linear, one, hn::Div(e, hn::Add(one, e)));
  }
};

/// One vector of channels of one batch row. Vectors over time stand in buffers [time][lane], states
/// in buffers [state][lane].
template <class D>
struct Strip {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  D d;
  const Arguments<T>& in;
  int64_t b, c, lanes, count;  // batch row, first channel, lanes of a vector, lanes in use

  Strip(const Arguments<T>& arguments, int64_t row, int64_t channel)
      : in(arguments),
        b(row),
        c(channel),
        lanes(static_cast<int64_t>(hn::Lanes(d))),
        count(std::min(lanes, in.channels - c)) {}

  HWY_INLINE V load(const View<const T, 3>& v, int64_t t) const {
    return load_lanes(d, &v(b, t, c), count);
  }
  HWY_INLINE void store(V x, const View<T, 3>& v, int64_t t) const {
    store_lanes(d, x, &v(b, t, c), count);
  }
  /// A vector of one number for each channel; zero if there is none.
  HWY_INLINE V load(const T* per_channel) const {
    return per_channel ? load_lanes(d, per_channel + c, count) : hn::Zero(d);
  }

  /// to[n][lane] = scale from(channel, n); zero in lanes without a channel, and if there is none.
  void load_states(const View<const T, 2>& from, T scale, T* to) const {
    for (int64_t n = 0; n < in.states; ++n)
      for (int64_t lane = 0; lane < lanes; ++lane)
        to[n * lanes + lane] = from.data && lane < count ? from(c + lane, n) * scale : T{0};
  }
  void store_states(const T* from, const View<T, 2>& to) const {
    for (int64_t lane = 0; lane < count; ++lane)
      for (int64_t n = 0; n < in.states; ++n) to(c + lane, n) = from[n * lanes + lane];
  }
};

// ---------------------------------------------------------------------------------- forward pass

/// Loop 1 of the forward pass: step sizes dt, what enters the state dt u, and the skip D u.
template <class D, class T = hn::TFromD<D>>
void enter(const Strip<D>& s, const Chunk<T>& k, T* dt, T* dtu, T* y) {
  const D d;
  const auto bias = s.load(s.in.delta_bias), skip = s.load(s.in.D);
  for (int64_t t = 0; t < k.steps; ++t) {
    const auto u = s.load(s.in.u, k.begin + t);
    auto step = hn::Add(s.load(s.in.delta, k.begin + t), bias);
    if (s.in.softplus) step = StepSize<D>(d, step).dt;
    hn::Store(step, d, dt + t * s.lanes);
    hn::Store(hn::Mul(step, u), d, dtu + t * s.lanes);
    hn::Store(hn::Mul(skip, u), d, y + t * s.lanes);
  }
}

/// Loop 2: h <- exp(dt A) h + dt u B and y += C h, for states [n, n + kStates) in registers.
/// A is in units of log 2.
template <int kStates, class D, class T = hn::TFromD<D>>
void recur(D d, const Chunk<T>& k, int64_t n, const T* A, const T* dt, const T* dtu, T* h, T* y) {
  using V = hn::Vec<D>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V a[kStates], state[kStates];
  for (int i = 0; i < kStates; ++i) a[i] = hn::Load(d, A + (n + i) * lanes);
  for (int i = 0; i < kStates; ++i) state[i] = hn::Load(d, h + (n + i) * lanes);
  for (int64_t t = 0; t < k.steps; ++t) {
    if (k.resets[t]) [[unlikely]]
      for (int i = 0; i < kStates; ++i) state[i] = hn::Zero(d);
    const T *B = k.B_at(t) + n, *C = k.C_at(t) + n;
    const V step = hn::Load(d, dt + t * lanes), input = hn::Load(d, dtu + t * lanes);
    V sum = hn::Load(d, y + t * lanes);
    HWY_UNROLL(16)
    for (int i = 0; i < kStates; ++i) {
      const V decay = math::exp2_nonpositive(d, hn::Mul(step, a[i]));
      state[i] = hn::MulAdd(decay, state[i], hn::Mul(input, hn::Set(d, B[i])));
      sum = hn::MulAdd(state[i], hn::Set(d, C[i]), sum);
    }
    hn::Store(sum, d, y + t * lanes);
  }
  for (int i = 0; i < kStates; ++i) hn::Store(state[i], d, h + (n + i) * lanes);
}

/// Loop 3: the gate.
template <class D, class T = hn::TFromD<D>>
void leave(const Strip<D>& s, const Chunk<T>& k, const T* y, const View<T, 3>& out) {
  const D d;
  for (int64_t t = 0; t < k.steps; ++t) {
    auto result = hn::Load(d, y + t * s.lanes);
    if (s.in.z.data) {
      const auto z = s.load(s.in.z, k.begin + t);
      result = hn::Mul(result, hn::Mul(z, math::sigmoid(d, z)));
    }
    s.store(result, out, k.begin + t);
  }
}

template <class T>
void forward_panel(const Arguments<T>& in, int64_t task, const View<T, 3>& y,
                   const View<T, 3>& final_state, const View<T, 4>& chunk_states) {
  const hn::ScalableTag<T> d;
  using D = decltype(d);
  const int64_t b = task / in.panels, first = task % in.panels * in.panel;
  const int64_t last = std::min(first + in.panel, in.channels);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), strips = ceil_div(last - first, lanes);
  const int64_t each = in.states * lanes;  // the states of a strip
  const Buffer<T> A(strips * each), h(strips * each);
  const Buffer<T> dt(chunk_steps * lanes), dtu(chunk_steps * lanes), sums(chunk_steps * lanes);

  for (int64_t i = 0; i < strips; ++i) {
    const Strip<D> s(in, b, first + i * lanes);
    s.load_states(in.A, static_cast<T>(log2_e), A.get() + i * each);
    s.load_states(row_of(in.initial_state, b), T{1}, h.get() + i * each);
  }
  for (int64_t index = 0; index < in.chunks; ++index) {
    const Chunk<T> k(in, b, index);
    for (int64_t i = 0; i < strips; ++i) {
      const Strip<D> s(in, b, first + i * lanes);
      T* state = h.get() + i * each;
      if (chunk_states.data)
        for (int64_t n = 0; n < in.states; ++n)
          std::memcpy(&chunk_states(b, index, n, s.c), state + n * lanes,
                      static_cast<size_t>(s.count) * sizeof(T));
      enter(s, k, dt.get(), dtu.get(), sums.get());
      for_blocks<8>(in.states, [&](auto block, int64_t n) {
        recur<block()>(d, k, n, A.get() + i * each, dt.get(), dtu.get(), state, sums.get());
      });
      leave(s, k, sums.get(), y);
    }
  }
  for (int64_t i = 0; i < strips; ++i)
    Strip<D>(in, b, first + i * lanes).store_states(h.get() + i * each, row_of(final_state, b));
}

// --------------------------------------------------------------------------------- backward pass

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
  const auto one = hn::Set(d, T{1});
  const auto bias = s.load(s.in.delta_bias), skip = s.load(s.in.D);
  auto dskip = hn::Load(d, dD);
  for (int64_t t = 0; t < k.steps; ++t) {
    const int64_t at = t * s.lanes;
    const auto u = s.load(s.in.u, k.begin + t);
    auto step = hn::Add(s.load(s.in.delta, k.begin + t), bias), slope = one;
    if (s.in.softplus) {
      const StepSize<D> softplus(d, step);
      step = softplus.dt, slope = softplus.slope;
    }
    auto g = s.load(dy, k.begin + t);
    if (s.in.z.data) {
      const auto z = s.load(s.in.z, k.begin + t), sigmoid = math::sigmoid(d, z);
      const auto scaled = hn::Mul(g, sigmoid);
      hn::Store(hn::Mul(scaled, hn::MulAdd(z, hn::Sub(one, sigmoid), one)), d, to.gate + at);
      g = hn::Mul(scaled, z);
    }
    dskip = hn::MulAdd(g, u, dskip);
    hn::Store(step, d, to.dt + at);
    hn::Store(hn::Mul(step, u), d, to.dtu + at);
    hn::Store(g, d, to.g + at);
    hn::Store(slope, d, to.slope + at);
    hn::Store(hn::Mul(skip, u), d, to.y + at);
    hn::Store(hn::Zero(d), d, to.along_B + at);
    hn::Store(hn::Zero(d), d, to.along_A + at);
  }
  hn::Store(dskip, d, dD);
}

/// Loop 2a: as `recur`, from the states before the chunk; keeps, for each step, the decay and the
/// state before it, in buffers [time][kStates][lane].
template <int kStates, class D, class T = hn::TFromD<D>>
void recur_again(const Strip<D>& s, const Chunk<T>& k, int64_t n, const T* A, const T* h,
                 int64_t h_pitch, const Courses<T>& over, T* decays, T* states) {
  using V = hn::Vec<D>;
  const D d;
  const int64_t lanes = s.lanes;
  V a[kStates], state[kStates];
  for (int i = 0; i < kStates; ++i) a[i] = hn::Load(d, A + (n + i) * lanes);
  for (int i = 0; i < kStates; ++i) state[i] = load_lanes(d, h + (n + i) * h_pitch, s.count);
  for (int64_t t = 0; t < k.steps; ++t) {
    const T *B = k.B_at(t) + n, *C = k.C_at(t) + n;
    const V step = hn::Load(d, over.dt + t * lanes), input = hn::Load(d, over.dtu + t * lanes);
    V sum = hn::Load(d, over.y + t * lanes);
    T *decay_t = decays + t * kStates * lanes, *state_t = states + t * kStates * lanes;
    const bool reset = k.resets[t];
    HWY_UNROLL(8)
    for (int i = 0; i < kStates; ++i) {
      V decay = math::exp2_nonpositive(d, hn::Mul(step, a[i]));
      hn::Store(state[i], d, state_t + i * lanes);
      if (reset) [[unlikely]]
        decay = hn::Zero(d), state[i] = hn::Zero(d);
      hn::Store(decay, d, decay_t + i * lanes);
      state[i] = hn::MulAdd(decay, state[i], hn::Mul(input, hn::Set(d, B[i])));
      sum = hn::MulAdd(state[i], hn::Set(d, C[i]), sum);
    }
    hn::Store(sum, d, over.y + t * lanes);
  }
  T* end = states + k.steps * kStates * lanes;
  for (int i = 0; i < kStates; ++i) hn::Store(state[i], d, end + i * lanes);
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
  for (int64_t t = k.steps - 1; t >= 0; --t) {
    const T *B = k.B_at(t) + n, *C = k.C_at(t) + n;
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
void leave(const Strip<D>& s, const Chunk<T>& k, const Courses<T>& from, const View<T, 3>& du,
           const View<T, 3>& ddelta, const View<T, 3>& dz, T* dbias) {
  const D d;
  const auto skip = s.load(s.in.D), unit = hn::Set(d, static_cast<T>(ln_2));
  auto sum = hn::Load(d, dbias);
  for (int64_t t = 0; t < k.steps; ++t) {
    const int64_t at = t * s.lanes;
    const auto along_B = hn::Load(d, from.along_B + at);
    const auto g = hn::Load(d, from.g + at), u = s.load(s.in.u, k.begin + t);
    const auto ddt = hn::MulAdd(u, along_B, hn::Mul(unit, hn::Load(d, from.along_A + at)));
    const auto dstep = hn::Mul(ddt, hn::Load(d, from.slope + at));
    sum = hn::Add(sum, dstep);
    s.store(hn::MulAdd(hn::Load(d, from.dt + at), along_B, hn::Mul(skip, g)), du, k.begin + t);
    s.store(dstep, ddelta, k.begin + t);
    if (dz.data)
      s.store(hn::Mul(hn::Load(d, from.gate + at), hn::Load(d, from.y + at)), dz, k.begin + t);
  }
  hn::Store(sum, d, dbias);
}

/// The gradients of a call. Those that are sums over panels or rows are parts, one for each.
template <class T>
struct Gradients {
  View<T, 3> u, delta, z, initial_state;
  View<T, 4> B, C;           // [batch, panel, time, state]
  View<T, 3> A;              // [batch, channel, state]
  View<T, 2> D, delta_bias;  // [batch, channel]
};

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
  constexpr int most = 4;  // states at a time: their buffers for a chunk stay in the first cache
  const hn::ScalableTag<T> d;
  using D = decltype(d);
  const int64_t panel = task % in.panels, b = task / in.panels, first = panel * in.panel;
  const int64_t last = std::min(first + in.panel, in.channels);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), strips = ceil_div(last - first, lanes);
  const int64_t each = in.states * lanes, course = chunk_steps * lanes, block = most * course;
  const Buffer<T> A(strips * each), r(strips * each), dA(strips * each);
  const Buffer<T> dD(strips * lanes), dbias(strips * lanes);
  const Buffer<T> courses(strips * Courses<T>::count * course);
  const Buffer<T> decays(block), states(block + most * lanes), dB(block), dC(block);
  const auto strip = [&](int64_t i) { return Strip<D>(in, b, first + i * lanes); };
  const auto courses_of = [&](int64_t i) {
    return Courses<T>(courses.get() + i * Courses<T>::count * course, course);
  };
  const auto part_of = [&](const View<T, 4>& parts) {
    return View<T, 2>{&parts(b, panel, 0, 0), {in.time, in.states}, {in.states, 1}};
  };

  for (int64_t i = 0; i < strips; ++i) {
    strip(i).load_states(in.A, static_cast<T>(log2_e), A.get() + i * each);
    strip(i).load_states(row_of(dfinal, b), T{1}, r.get() + i * each);
  }
  std::fill_n(dA.get(), strips * each, T{0});
  std::fill_n(dD.get(), strips * lanes, T{0});
  std::fill_n(dbias.get(), strips * lanes, T{0});
  for (int64_t index = in.chunks - 1; index >= 0; --index) {
    const Chunk<T> k(in, b, index);
    for (int64_t i = 0; i < strips; ++i)
      enter(strip(i), k, dy, courses_of(i), dD.get() + i * lanes);
    for_blocks<most>(in.states, [&](auto size, int64_t n) {
      std::fill_n(dB.get(), k.steps * size() * lanes, T{0});
      std::fill_n(dC.get(), k.steps * size() * lanes, T{0});
      for (int64_t i = 0; i < strips; ++i) {
        const Courses<T> over = courses_of(i);
        const T* h = &chunk_states(b, index, 0, first + i * lanes);
        recur_again<size()>(strip(i), k, n, A.get() + i * each, h, chunk_states.strides[2], over,
                            decays.get(), states.get());
        recur_back<size()>(d, k, n, A.get() + i * each, decays.get(), states.get(), over,
                           r.get() + i * each, dA.get() + i * each, dB.get(), dC.get());
      }
      add_lanes(k, n, size(), dB.get(), part_of(grad.B));
      add_lanes(k, n, size(), dC.get(), part_of(grad.C));
    });
    for (int64_t i = 0; i < strips; ++i)
      leave(strip(i), k, courses_of(i), grad.u, grad.delta, grad.z, dbias.get() + i * lanes);
  }
  for (int64_t i = 0; i < strips; ++i) {
    const Strip<D> s = strip(i);
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
