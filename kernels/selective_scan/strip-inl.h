// What both passes of the selective scan on a CPU share: views of the arguments, strips of channels,
// chunks of time, and the two functions that the recurrence needs. Included by
// selective_scan_cpu.cpp alone; see README.md, "On a CPU".

#if defined(LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_
#undef LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_
#else
#define LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_
#endif

#include <hwy/cache_control.h>

#include <algorithm>
#include <bit>
#include <type_traits>

#include "core/memory.h"
#include "core/simd_math-inl.h"
#include "kernels/optional_view.h"
#include "kernels/partial_vector-inl.h"
#include "kernels/selective_scan/selective_scan.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace math = lw::simd::HWY_NAMESPACE;

constexpr int64_t chunk_steps = selective_scan_chunk;
constexpr int64_t panel_channels = 128;  // at most
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
        z(optional_view<const T, 3>(in.z)),
        initial_state(optional_view<const T, 3>(in.initial_state)),
        A(in.A.view<const T, 2>()),
        D(in.D ? in.D.data<T>() : nullptr),
        delta_bias(in.delta_bias ? in.delta_bias.data<T>() : nullptr),
        resets(optional_view<const uint8_t, 2>(in.resets)),
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
  const T *B, *C;
  int64_t B_pitch, C_pitch;
  uint8_t resets[chunk_steps] = {};

  Chunk(const Arguments<T>& in, int64_t b, int64_t index)
      : begin(index * chunk_steps),
        steps(std::min(chunk_steps, in.time - begin)),
        B(&in.B(b, begin, 0)),
        C(&in.C(b, begin, 0)),
        B_pitch(in.B.strides[1]),
        C_pitch(in.C.strides[1]) {
    for (int64_t t = 0; in.resets.data && t < steps; ++t) resets[t] = in.resets(b, begin + t);
  }
};

/// A strip of channels of a tensor [batch, time, channel]: one vector for each step of a chunk.
template <class D, class T>
struct Column {
  D d;
  T* data;
  int64_t pitch, count;  // count: channels, of the lanes of a vector

  HWY_INLINE hn::Vec<D> load(int64_t t) const { return load_lanes(d, data + t * pitch, count); }
  HWY_INLINE void store(hn::Vec<D> v, int64_t t) const {
    store_lanes(d, v, data + t * pitch, count);
  }
};

/// Columns that a task will soon read or write. The rows of a tensor lie too far apart for the
/// processor to foresee them; they are asked for in the loops that compute, a few at each step.
template <class T>
class Ahead {
 public:
  /// Some of the columns: those to ask for in one loop over time.
  struct Part {
    const Ahead& all;
    int begin, end;
    HWY_INLINE void fetch(int64_t t) const {
      for (int i = begin; i < end; ++i) hwy::Prefetch(all.data_[i] + t * all.pitch_[i]);
    }
  };

  /// `distance`: elements from the column.
  template <class D, class U>
  void add(const Column<D, U>& column, int64_t distance) {
    if (!column.data) return;
    data_[count_] = column.data + distance;
    pitch_[count_++] = column.pitch;
  }
  /// The columns are shared out evenly among `loops` loops; those of number `loop`.
  Part part(int64_t loop, int64_t loops) const {
    return {*this, static_cast<int>(count_ * loop / loops),
            static_cast<int>(count_ * (loop + 1) / loops)};
  }

 private:
  static constexpr int most = 8;
  const T* data_[most];
  int64_t pitch_[most];
  int64_t count_ = 0;
};

/// One vector of channels of one batch row. Vectors over time stand in buffers [time][lane], states
/// in buffers [state][lane].
template <class D>
struct Strip {
  using T = hn::TFromD<D>;

  D d;
  const Arguments<T>& in;
  int64_t b, c, lanes, count;  // batch row, first channel, lanes of a vector, lanes in use

  template <class U>
  Column<D, U> column(const View<U, 3>& v, const Chunk<T>& k) const {
    return {d, v.data ? &v(b, k.begin, c) : nullptr, v.strides[1], count};
  }
  /// A vector of one number for each channel; zero if there is none.
  HWY_INLINE hn::Vec<D> load(const T* per_channel) const {
    return per_channel ? load_lanes(d, per_channel + c, count) : hn::Zero(d);
  }

  /// to[n][lane] = scale from(channel, n); zero in lanes without a channel, and if there is none.
  void load_states(const View<const T, 2>& from, T scale, T* to) const {
    std::fill_n(to, in.states * lanes, T{0});
    if (!from.data) return;
    for (int64_t lane = 0; lane < count; ++lane) {
      const T* row = &from(c + lane, 0);
      for (int64_t n = 0; n < in.states; ++n) to[n * lanes + lane] = row[n] * scale;
    }
  }
  void store_states(const T* from, const View<T, 2>& to) const {
    for (int64_t lane = 0; lane < count; ++lane) {
      T* row = &to(c + lane, 0);
      for (int64_t n = 0; n < in.states; ++n) row[n] = from[n * lanes + lane];
    }
  }
};

/// The work of one task: neighbouring strips of one batch row.
template <class D>
struct Panel {
  using T = hn::TFromD<D>;

  D d;
  const Arguments<T>& in;
  int64_t b, index, first;  // batch row, place among the panels of the row, first channel
  int64_t lanes, strips;

  Panel(const Arguments<T>& arguments, int64_t task)
      : in(arguments),
        b(task / in.panels),
        index(task % in.panels),
        first(index * in.panel),
        lanes(static_cast<int64_t>(hn::Lanes(d))),
        strips(ceil_div(std::min(in.panel, in.channels - first), lanes)) {}

  Strip<D> strip(int64_t i) const {
    const int64_t c = first + i * lanes;
    return {d, in, b, c, lanes, std::min(lanes, in.channels - c)};
  }
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

/// c[0] x^n + ... + c[n], for kCount vectors side by side.
template <int kCount, class D, class V, class... Rest>
HWY_INLINE void polynomial(D d, const V (&x)[kCount], V (&p)[kCount], double first, Rest... rest) {
  using T = hn::TFromD<D>;
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) p[i] = hn::Set(d, static_cast<T>(first));
  const auto multiply_add = [&](double c) HWY_ATTR {
    HWY_UNROLL(8)
    for (int i = 0; i < kCount; ++i) p[i] = hn::MulAdd(p[i], x[i], hn::Set(d, static_cast<T>(c)));
  };
  (multiply_add(rest), ...);
}

#if HWY_TARGET <= HWY_AVX3  // 16 lanes of f32: a table of 16 powers of two fits a register
/// 2^(i/16) as bits, less what the bits of i add when they are shifted towards the exponent.
struct Roots {
  alignas(64) uint32_t less_shifted[16];
  constexpr Roots() : less_shifted() {
    constexpr float roots[16] = {1.f,         1.04427378f, 1.09050773f, 1.13878863f,
                                 1.18920712f, 1.24185781f, 1.29683955f, 1.35425555f,
                                 1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f,
                                 1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};
    for (uint32_t i = 0; i < 16; ++i)
      less_shifted[i] = std::bit_cast<uint32_t>(roots[i]) - (i << 19);
  }
};
constexpr Roots roots;

/// x <- 2^x, for kCount vectors, -125 <= x <= 0, to 1 ulp: x = i/16 + f with |f| <= 1/32, and
/// 2^x = T + T f q(f) with T = 2^(i/16) from the table.
template <int kCount, class D, class V>
HWY_INLINE void powers_by_table(D d, V (&x)[kCount]) {
  const hn::RebindToUnsigned<D> bits;
  const auto table = hn::Load(bits, roots.less_shifted);
  const V magic = hn::Set(d, 0x1.8p19f);  // adding it rounds to sixteenths, i in the low bits
  V t[kCount], q[kCount];
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) t[i] = hn::Add(x[i], magic);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) x[i] = hn::Sub(x[i], hn::Sub(t[i], magic));
  polynomial(d, x, q, 0.055505085251969627, 0.24023355156988721, 0.69314718055994531);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) {
    // The look-up heeds the low four bits alone, so that the others need not be masked.
    const hn::Indices512<uint32_t> low{hn::BitCast(bits, t[i]).raw};
    const V T = hn::BitCast(
        d, hn::Add(hn::TableLookupLanes(table, low), hn::ShiftLeft<19>(hn::BitCast(bits, t[i]))));
    x[i] = hn::MulAdd(T, hn::Mul(x[i], q[i]), T);
  }
}
#else
/// x <- 2^x, for kCount vectors, -125 <= x <= 0, to 3 ulp: x = k + f with |f| <= 1/2, and 2^f by a
/// polynomial to whose exponent k is added.
template <int kCount, class D, class V>
HWY_INLINE void powers_by_polynomial(D d, V (&x)[kCount]) {
  const hn::RebindToUnsigned<D> bits;
  const V magic = hn::Set(d, 0x1.8p23f);  // adding it rounds to an integer, in the low bits
  V t[kCount], p[kCount];
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) t[i] = hn::Add(x[i], magic);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i) x[i] = hn::Sub(x[i], hn::Sub(t[i], magic));
  polynomial(d, x, p, 0.0013381302537320678, 0.009666368515385328, 0.055503810137964578,
             0.24022349038020363, 0.69314718055994529, 1.0);
  HWY_UNROLL(8)
  for (int i = 0; i < kCount; ++i)
    x[i] = hn::BitCast(
        d, hn::Add(hn::BitCast(bits, p[i]), hn::ShiftLeft<23>(hn::BitCast(bits, t[i]))));
}
#endif

/// x <- 2^x for x <= 0, exactly 1 at 0: the decay of a step, for kCount states side by side, so that
/// their chains of dependent instructions overlap. In f32 it takes fewer instructions than
/// math::exp2_nonpositive and gives about 2^-125 for all that is smaller.
template <int kCount, class D, class V>
HWY_INLINE void decays_of(D d, V (&x)[kCount]) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    for (int i = 0; i < kCount; ++i) x[i] = math::exp2_nonpositive(d, x[i]);
  } else {
    const V least = hn::Set(d, -125.f);
    HWY_UNROLL(8)
    for (int i = 0; i < kCount; ++i) x[i] = hn::Max(least, x[i]);
#if HWY_TARGET <= HWY_AVX3
    powers_by_table(d, x);
#else
    powers_by_polynomial(d, x);
#endif
  }
}

/// dt = softplus(v) = max(v, 0) + log(1 + e^-|v|), v itself above 20, and its slope.
///
/// With e = e^-|v| and s = e / (2 + e) <= 1/3, log(1 + e) = 2 artanh(s) = s (2 + s^2 R(s^2)): the
/// relative error is a few ulp however negative v is.
template <class D>
struct StepSize {
  hn::Vec<D> dt, slope;

  HWY_INLINE StepSize(D d, hn::Vec<D> v) {
    using T = hn::TFromD<D>;
    const auto one = hn::Set(d, T{1}), two = hn::Set(d, T{2}), zero = hn::Zero(d);
    const auto e = math::exp(d, hn::Neg(hn::Abs(v)));
    const auto s = hn::Div(e, hn::Add(two, e));
    const hn::Vec<D> z[1] = {hn::Mul(s, s)};
    hn::Vec<D> R[1];
    if constexpr (sizeof(T) == 4) {
      polynomial(d, z, R, 0.26851498023071202, 0.28236619805271257, 0.40007560644912732,
                 0.66666640336699234);
    } else {
      polynomial(d, z, R, 0.1616404561179606, 0.088007384862230392, 0.12001072809573206,
                 0.13314144209657067, 0.1538557006495847, 0.18181789436132864, 0.22222222717427864,
                 0.28571428567108759, 0.40000000000014585, 0.66666666666666663);
    }
    const auto linear = hn::Gt(v, hn::Set(d, T{20}));
    const auto log1p = hn::Mul(s, hn::MulAdd(z[0], R[0], two));
    dt = hn::IfThenElse(linear, v, hn::Add(hn::Max(zero, v), log1p));
    slope = hn::Div(hn::IfThenElse(hn::Lt(v, zero), e, one), hn::Add(one, e));
    slope = hn::IfThenElse(linear, one, slope);
  }
};

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
