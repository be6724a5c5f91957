// What both passes of the selective scan on a CPU share: views of the arguments, strips of channels
// and chunks of time. Included by selective_scan_cpu.cpp alone; see README.md, "On a CPU".

#if defined(LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_
#undef LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_
#else
#define LW_KERNELS_SELECTIVE_SCAN_STRIP_INL_H_
#endif

#include <hwy/cache_control.h>

#include <algorithm>
#include <type_traits>

#include "core/memory.h"
#include "kernels/partial_vector-inl.h"
#include "kernels/selective_scan/arguments.h"
#include "kernels/selective_scan/decay-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

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

/// The arguments of a call, and how channels are cut into tasks.
template <class T>
struct Arguments : ScanArguments<T> {
  int64_t panels, panel;  // panels of the channels of a row, channels of a panel

  explicit Arguments(const SelectiveScan& in)
      : ScanArguments<T>(in),
        panels(ceil_div(this->channels, panel_channels)),
        panel(panels ? ceil_div(ceil_div(this->channels, panels), 16) * 16 : 0) {}
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
    /// To the second cache: for what will be wanted after much else has passed through the first.
    HWY_INLINE void fetch_far(int64_t t) const {
      for (int i = begin; i < end; ++i) __builtin_prefetch(all.data_[i] + t * all.pitch_[i], 0, 2);
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

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
