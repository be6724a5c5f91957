// What the scans of linear recurrences share: their input as tasks, one for each batch row and vector
// of channels, and the way between rows of tensors and lanes.
//
//   #include "kernels/recurrence-inl.h"              after hwy/foreach_target.h

#if defined(LW_KERNELS_RECURRENCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_RECURRENCE_INL_H_
#undef LW_KERNELS_RECURRENCE_INL_H_
#else
#define LW_KERNELS_RECURRENCE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/complex_vector-inl.h"
#include "kernels/lane_table.h"
#include "kernels/optional_view.h"
#include "kernels/partial_vector-inl.h"
#include "kernels/segments.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

/// The input of a scan and the state it starts from, in tasks.
template <class T>
struct Signal {
  static constexpr hn::ScalableTag<T> d{};

  View<const T, 3> u;                            // [batch, time, channel]
  View<const std::complex<T>, 3> state;          // [batch, channel, state]; without data: zero
  View<const uint8_t, 2> resets;                 // [batch, time]; without data: none
  int64_t batch, time, channels, lanes, blocks;  // blocks: vectors of channels

  Signal(const Tensor& input, const Tensor& initial_state, const Tensor& starts)
      : u(input.view<const T, 3>()),
        state(optional_view<const std::complex<T>, 3>(initial_state)),
        resets(optional_view<const uint8_t, 2>(starts)),
        batch(u.sizes[0]),
        time(u.sizes[1]),
        channels(u.sizes[2]),
        lanes(static_cast<int64_t>(hn::Lanes(d))),
        blocks((channels + lanes - 1) / lanes) {}

  int64_t tasks() const { return batch * blocks; }
};

/// What one task works on: `count` channels of a batch row, from `first` on.
template <class T>
struct Place {
  static constexpr hn::ScalableTag<T> d{};
  int64_t row, block, first, count, lanes;

  Place(const Signal<T>& signal, int64_t task)
      : row(task / signal.blocks),
        block(task % signal.blocks),
        first(block * signal.lanes),
        count(std::min(signal.lanes, signal.channels - first)),
        lanes(signal.lanes) {}

  /// rows[t - begin] = source[row, t, channels], zeros in the lanes beyond
  void read(const View<const T, 3>& source, int64_t begin, int64_t end, T* rows) const {
    for (int64_t t = begin; t < end; ++t)
      hn::StoreU(load_lanes(d, &source(row, t, first), count), d, rows + (t - begin) * lanes);
  }
  void write(const T* rows, int64_t begin, int64_t end, const View<T, 3>& out) const {
    for (int64_t t = begin; t < end; ++t)
      store_lanes(d, hn::LoadU(d, rows + (t - begin) * lanes), &out(row, t, first), count);
  }
  /// States [batch, channel, state] into entry 0 of block 0 of a table, and back.
  void gather(const View<const std::complex<T>, 3>& source, LaneTable<T>& table) const {
    for (int64_t lane = 0; lane < count; ++lane)
      for (int64_t n = 0; n < source.sizes[2]; ++n)
        table.set(0, n, 0, lane, source(row, first + lane, n));
  }
  void scatter(const LaneTable<T>& table, const View<std::complex<T>, 3>& out) const {
    for (int64_t lane = 0; lane < count; ++lane)
      for (int64_t n = 0; n < out.sizes[2]; ++n)
        out(row, first + lane, n) = table.get(0, n, 0, lane);
  }
};

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
