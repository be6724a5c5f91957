#include "kernels/shape/shape.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/parallel.h"

namespace lw::kernels {
namespace {

constexpr int64_t tile = 16;        // 64 bytes of a 4-byte type: one cache line
constexpr int64_t band = 4 * tile;  // rows of tiles read together: whole stretches of memory
constexpr int64_t grain = 1 << 14;  // elements that one thread takes at a time

/// One axis of the copy, with the distance between neighbours on either side.
struct Loop {
  int64_t size, from, to;
};

/// The copy as nested loops, the last axis of y innermost; empty for a single element.
struct Nest {
  std::vector<Loop> loops;
  int64_t from = 0;  // offset of the first element of x
};

Nest nest_of(const Tensor& x, const Arrangement& how, const Tensor& y) {
  Nest nest;
  for (int k = 0; k < y.rank(); ++k) {
    if (y.size(k) == 1) continue;
    Loop loop{y.size(k), x.stride(how.axis[k]), y.stride(k)};
    if (how.reversed[k]) {
      nest.from += (loop.size - 1) * loop.from;
      loop.from = -loop.from;
    }
    if (!nest.loops.empty()) {
      Loop& outer = nest.loops.back();
      if (outer.from == loop.from * loop.size && outer.to == loop.to * loop.size) {
        outer = {outer.size * loop.size, loop.from, loop.to};
        continue;
      }
    }
    nest.loops.push_back(loop);
  }
  return nest;
}

/// The offsets of iteration `index` of nested loops.
struct Offsets {
  int64_t from = 0, to = 0;
};
Offsets offsets_of(const std::vector<Loop>& loops, int64_t index) {
  Offsets at;
  for (size_t k = loops.size(); k-- > 0; index /= loops[k].size) {
    at.from += index % loops[k].size * loops[k].from;
    at.to += index % loops[k].size * loops[k].to;
  }
  return at;
}

int64_t iterations(const std::vector<Loop>& loops) {
  int64_t count = 1;
  for (const Loop& loop : loops) count *= loop.size;
  return count;
}

template <class T>
void copy_rows(const T* x, T* y, const std::vector<Loop>& outer, const Loop& row) {
  parallel_for(iterations(outer), grain / row.size + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Offsets at = offsets_of(outer, i);
      const T* in = x + at.from;
      T* out = y + at.to;
      if (row.from == 1 && row.to == 1) {
        std::memcpy(out, in, static_cast<size_t>(row.size) * sizeof(T));
      } else {
        for (int64_t c = 0; c < row.size; ++c) out[c * row.to] = in[c * row.from];
      }
    }
  });
}

/// Copies a tile of `rows` by `columns` elements: x is contiguous along the rows, y along the
/// columns.
template <class T>
void copy_tile(const T* in, T* out, int64_t rows, int64_t columns, const Loop& down,
               const Loop& along) {
  T buffer[tile][tile];
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r) buffer[c][r] = in[r * down.from + c * along.from];
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) out[r * down.to + c * along.to] = buffer[c][r];
}

/// The same for a whole tile without gaps: the compiler unrolls it.
template <class T>
void copy_whole_tile(const T* in, T* out, int64_t from, int64_t to) {
  T buffer[tile][tile];
  for (int64_t c = 0; c < tile; ++c) std::memcpy(buffer[c], in + c * from, sizeof buffer[c]);
  for (int64_t r = 0; r < tile; ++r) {
    T line[tile];
    for (int64_t c = 0; c < tile; ++c) line[c] = buffer[c][r];
    std::memcpy(out + r * to, line, sizeof line);
  }
}

template <class T>
void copy_tiles(const T* x, T* y, const std::vector<Loop>& outer, const Loop& down,
                const Loop& along) {
  const int64_t bands = (down.size + band - 1) / band;
  const bool no_gaps = down.from == 1 && along.to == 1;
  const auto copy_column = [&](const T* in, T* out, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r += tile) {
      const T* from = in + r * down.from;
      T* to = out + r * down.to;
      if (no_gaps && rows - r >= tile && columns == tile) {
        copy_whole_tile(from, to, along.from, down.to);
      } else {
        copy_tile(from, to, std::min(tile, rows - r), columns, down, along);
      }
    }
  };
  const int64_t bands_each = grain / (band * along.size) + 1;
  parallel_for(iterations(outer) * bands, bands_each, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Offsets at = offsets_of(outer, i / bands);
      const int64_t r = i % bands * band, rows = std::min(band, down.size - r);
      const T* in = x + at.from + r * down.from;
      T* out = y + at.to + r * down.to;
      for (int64_t c = 0; c < along.size; c += tile)
        copy_column(in + c * along.from, out + c * along.to, rows, std::min(tile, along.size - c));
    }
  });
}

template <class T>
void copy(const Tensor& x, const Arrangement& how, Tensor& y) {
  Nest nest = nest_of(x, how, y);
  const T* in = static_cast<const T*>(x.raw()) + nest.from;
  T* out = static_cast<T*>(y.raw());
  std::vector<Loop>& loops = nest.loops;
  if (loops.empty()) {
    *out = *in;
    return;
  }
  const Loop along = loops.back();
  loops.pop_back();
  const auto down = std::min_element(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) {
    return std::abs(a.from) < std::abs(b.from);
  });
  if (down == loops.end() || std::abs(along.from) <= std::abs(down->from))
    return copy_rows(in, out, loops, along);
  const Loop across = *down;
  loops.erase(down);
  copy_tiles(in, out, loops, across, along);
}

void rearrange_cpu(const Tensor& x, const Arrangement& how, Tensor& y) {
  check(x.rank() == y.rank() && x.dtype() == y.dtype(), "rearrange: ", x, " into ", y);
  for (int k = 0; k < y.rank(); ++k)
    check(y.size(k) == x.size(how.axis[k]), "rearrange: axis ", how.axis[k], " of ", x,
          " into axis ", k, " of ", y);
  if (y.numel() == 0) return;
  switch (size_of(x.dtype())) {
    case 1:
      return copy<uint8_t>(x, how, y);
    case 2:
      return copy<uint16_t>(x, how, y);
    case 4:
      return copy<uint32_t>(x, how, y);
    case 8:
      return copy<uint64_t>(x, how, y);
    default:
      return copy<std::array<uint64_t, 2>>(x, how, y);
  }
}

const Implementation cpu{rearrange, DeviceKind::cpu, &rearrange_cpu};

}  // namespace
}  // namespace lw::kernels
