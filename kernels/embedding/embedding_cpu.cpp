#include "kernels/embedding/embedding.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "kernels/add_to_cpu.h"
#include "kernels/quantize/quantize.h"

namespace lw::kernels {
namespace {

int64_t rows_a_chunk(int64_t columns) { return 16384 / (columns + 1) + 1; }

/// `copy(id, to)` writes row `id` of the table.
template <class T, class F>
void gather(const Tensor& ids_, Tensor& y, F&& copy) {
  const auto out = y.view<T, 2>();
  const int64_t* ids = ids_.data<int64_t>();
  parallel_for(out.sizes[0], rows_a_chunk(out.sizes[1]), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) copy(ids[i], &out(i, 0));
  });
}

template <class T>
void forward_of(const Tensor& table_, const Tensor& ids, Tensor& y) {
  const auto table = table_.view<const T, 2>();
  gather<T>(ids, y, [&](int64_t id, T* to) { std::copy_n(&table(id, 0), y.size(1), to); });
}

void forward_bf16(const Tensor& table_, const Tensor& ids, Tensor& y) {
  const auto table = table_.view<const bfloat16, 2>();
  gather<float>(ids, y, [&](int64_t id, float* to) {
    const bfloat16* row = &table(id, 0);
    for (int64_t i = 0; i < y.size(1); ++i) to[i] = static_cast<float>(row[i]);
  });
}

void forward_int8(const Tensor& table, const Tensor& ids, Tensor& y) {
  const auto* bytes = static_cast<const int8_t*>(table.raw());
  const int64_t pitch = table.stride(0);
  gather<float>(ids, y, [&](int64_t id, float* to) {
    const int8_t* row = bytes + id * pitch;
    const float factor = row_factor(row, pitch);
    for (int64_t i = 0; i < y.size(1); ++i) to[i] = factor * static_cast<float>(row[i]);
  });
}

/// Positions grouped by id: those of id v are positions[first[v]] ... positions[first[v + 1] - 1].
struct Occurrences {
  std::vector<int64_t> first, positions;

  Occurrences(const int64_t* ids, int64_t n, int64_t vocabulary)
      : first(static_cast<size_t>(vocabulary + 1), 0), positions(static_cast<size_t>(n)) {
    for (int64_t i = 0; i < n; ++i) ++first[static_cast<size_t>(ids[i] + 1)];
    for (size_t v = 1; v < first.size(); ++v) first[v] += first[v - 1];
    std::vector<int64_t> next(first.begin(), first.end() - 1);
    for (int64_t i = 0; i < n; ++i)
      positions[static_cast<size_t>(next[static_cast<size_t>(ids[i])]++)] = i;
  }
};

template <class T>
void backward_of(const Tensor& dy_, const Tensor& ids, Tensor& dtable) {
  const auto dy = dy_.view<const T, 2>();
  const auto out = dtable.view<T, 2>();
  const int64_t d = out.sizes[1];
  const Occurrences where(ids.data<int64_t>(), dy.sizes[0], out.sizes[0]);
  parallel_for(out.sizes[0], std::min<int64_t>(64, rows_a_chunk(d)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t v = begin; v < end; ++v) {
                   T* sum = &out(v, 0);
                   std::fill_n(sum, d, T(0));
                   for (int64_t k = where.first[static_cast<size_t>(v)];
                        k < where.first[static_cast<size_t>(v + 1)]; ++k)
                     add_to(sum, &dy(where.positions[static_cast<size_t>(k)], 0), d);
                 }
               });
}

void forward(const Tensor& table, const Tensor& ids, Tensor& y) {
  if (table.dtype() == DType::bf16) return forward_bf16(table, ids, y);
  if (has_int8_rows(table)) return forward_int8(table, ids, y);
  for_float("embedding", table.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(table, ids, y); });
}
void backward(const Tensor& dy, const Tensor& ids, Tensor& dtable) {
  for_float("embedding", dy.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(dy, ids, dtable); });
}

const Implementation cpu[] = {{embedding_forward, DeviceKind::cpu, &forward},
                              {embedding_backward, DeviceKind::cpu, &backward}};

}  // namespace
}  // namespace lw::kernels
