#include <algorithm>
#include <cstring>

#include "core/parallel.h"
#include "kernels/shape/loops.h"

namespace lw::kernels {
namespace {

constexpr int64_t tile = 16;        // 64 bytes of a 4-byte type: one cache line
constexpr int64_t band = 4 * tile;  // rows of tiles read together: whole stretches of memory
constexpr int64_t grain = 1 << 14;  // elements that one thread takes at a time

template <class T>
void copy_rows(const T* x, T* y, const Loops& outer, const Loop& row) {
  parallel_for(outer.iterations(), grain / row.size + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Loops::Offsets at = outer.offsets_of(i);
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
void copy_tiles(const T* x, T* y, const Loops& outer, const Loop& down, const Loop& along) {
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
  parallel_for(outer.iterations() * bands, bands_each, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const Loops::Offsets at = outer.offsets_of(i / bands);
      const int64_t r = i % bands * band, rows = std::min(band, down.size - r);
      const T* in = x + at.from + r * down.from;
      T* out = y + at.to + r * down.to;
      for (int64_t c = 0; c < along.size; c += tile)
        copy_column(in + c * along.from, out + c * along.to, rows, std::min(tile, along.size - c));
    }
  });
}

void rearrange_cpu(const Tensor& x, const Arrangement& how, Tensor& y) {
  check_rearrange(x, how, y);
  if (y.numel() == 0) return;
  const Rearrangement r(x, how, y);
  for_size_of(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* in = static_cast<const T*>(x.raw()) + r.from;
    T* out = static_cast<T*>(y.raw());
    r.transposes ? copy_tiles(in, out, r.outer, r.down, r.along)
                 : copy_rows(in, out, r.outer, r.along);
  });
}

const Implementation cpu{rearrange, DeviceKind::cpu, &rearrange_cpu};

}  // namespace
}  // namespace lw::kernels
