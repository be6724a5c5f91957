// Segments: a chunk of a packed sequence cut where documents start, so that the steps of a
// recurrence need not ask.
#pragma once

#include <cstdint>
#include <vector>

namespace lw::kernels {

/// Steps [begin, end) of a chunk, counted from its first; `starts` says that a document starts with
/// them.
struct Segment {
  int64_t begin, end;
  bool starts;
};

/// The segments of the steps [begin, end) of a row whose document starts are marked in `resets`
/// (null: none).
inline std::vector<Segment> segments_of(const uint8_t* resets, int64_t begin, int64_t end) {
  std::vector<Segment> segments;
  for (int64_t t = begin; t < end; ++t) {
    const bool starts = resets && resets[t] != 0;
    if (starts || t == begin) segments.push_back({t - begin, t - begin, starts});
    segments.back().end = t - begin + 1;
  }
  return segments;
}

}  // namespace lw::kernels
