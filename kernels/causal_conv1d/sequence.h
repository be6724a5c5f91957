// What a causal convolution sees at each time, for the kernels of every device: inputs that may lie
// in the state, documents that start. Internal.
#pragma once

#include "kernels/causal_conv1d/causal_conv1d.h"
#include "kernels/optional_view.h"
#include "kernels/segments.h"

namespace lw::kernels {

/// Steps of a task: what one slide of the window covers.
inline constexpr int64_t conv_chunk = 64;

template <class T>
struct ConvSequence {
  View<const T, 3> x;
  View<const T, 3> state;                        // data is null where there is none
  View<const uint8_t, 2> resets;                 // likewise
  int64_t batch, time, channels, width, chunks;  // chunks of one batch row
  bool silu;

  explicit ConvSequence(const CausalConv1d& in)
      : x(in.x.view<const T, 3>()),
        state(optional_view<const T, 3>(in.state)),
        resets(optional_view<const uint8_t, 2>(in.resets)),
        batch(in.x.size(0)),
        time(in.x.size(1)),
        channels(in.x.size(2)),
        width(in.weight.size(1)),
        chunks(time > 0 ? (time + conv_chunk - 1) / conv_chunk : 1),
        silu(in.silu) {}

  LW_HOST_DEVICE bool starts(int64_t b, int64_t t) const {
    return t >= 0 && starts_at(resets, b, t);
  }
  /// The inputs at time s >= -(width-1), or null where they are zero.
  LW_HOST_DEVICE const T* input(int64_t b, int64_t s) const {
    return s >= 0 ? &x(b, s, 0) : state.data ? &state(b, s + width - 1, 0) : nullptr;
  }
  /// The first time, of the width - 1 up to t, whose input counts at t: the start of t's document,
  /// or of the window.
  LW_HOST_DEVICE int64_t first_seen(int64_t b, int64_t t) const {
    const int64_t window = t - width + 1;
    for (int64_t s = t; s > window && s >= 0; --s)
      if (starts(b, s)) return s;
    return window;
  }
  /// The first time whose input reaches beyond the end of the sequence.
  LW_HOST_DEVICE int64_t first_kept(int64_t b) const {
    const int64_t seen = first_seen(b, time - 1), window = time - width + 1;
    return seen > window ? seen : window;
  }
};

}  // namespace lw::kernels
