// Where the documents of a packed batch start, and a chunk of one of its rows cut there, so that the
// steps of a recurrence need not ask.
#pragma once

#include <cstdint>
#include <vector>

#include "core/view.h"

namespace lw::kernels {

/// Whether a document starts at step t of row b; `resets` [batch, time] marks it, or has no data.
LW_HOST_DEVICE inline bool starts_at(const View<const uint8_t, 2>& resets, int64_t b, int64_t t) {
  return resets.data && resets(b, t) != 0;
}

/// Steps [begin, end) of a chunk, counted from its first; `starts` says that a document starts with
/// them.
struct Segment {
  int64_t begin, end;
  bool starts;
};

/// The segments of the steps [begin, end) of row b.
inline std::vector<Segment> segments_of(const View<const uint8_t, 2>& resets, int64_t b,
                                        int64_t begin, int64_t end) {
  std::vector<Segment> segments;
  for (int64_t t = begin; t < end; ++t) {
    const bool starts = starts_at(resets, b, t);
    if (starts || t == begin) segments.push_back({t - begin, t - begin, starts});
    segments.back().end = t - begin + 1;
  }
  return segments;
}

}  // namespace lw::kernels
