#include "kernels/quantize/quantize.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

namespace lw::kernels {
namespace {

constexpr int64_t factor_bytes = sizeof(float);

int64_t rows_a_chunk(int64_t columns) { return 65536 / (columns + 1) + 1; }

void quantize_cpu(const Tensor& w_, Tensor& q) {
  check_quantize(w_, q);
  const auto w = w_.view<const float, 2>();
  auto* bytes = static_cast<int8_t*>(q.raw());
  const int64_t columns = w.sizes[1], pitch = q.stride(0);
  parallel_for(w.sizes[0], rows_a_chunk(columns), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const float* from = &w(j, 0);
      int8_t* row = bytes + j * pitch;
      float largest = 0;
      for (int64_t i = 0; i < columns; ++i) largest = std::max(largest, std::abs(from[i]));
      const float factor = largest / 127;
      for (int64_t i = 0; i < columns; ++i) {
        const float whole = factor > 0 ? std::nearbyint(from[i] / factor) : 0;
        row[i] = static_cast<int8_t>(std::clamp(whole, -127.F, 127.F));
      }
      std::memcpy(row + pitch - factor_bytes, &factor, sizeof factor);
    }
  });
}

void widen_cpu(const Tensor& q, Tensor& w_) {
  check_widen(q, w_);
  if (!has_int8_rows(q)) return w_.copy_from(q);
  const auto w = w_.view<float, 2>();
  const auto* bytes = static_cast<const int8_t*>(q.raw());
  const int64_t columns = w.sizes[1], pitch = q.stride(0);
  parallel_for(w.sizes[0], rows_a_chunk(columns), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const int8_t* row = bytes + j * pitch;
      const float factor = row_factor(row, pitch);
      float* to = &w(j, 0);
      for (int64_t i = 0; i < columns; ++i) to[i] = factor * static_cast<float>(row[i]);
    }
  });
}

const Implementation cpu[] = {{quantize_rows, DeviceKind::cpu, &quantize_cpu},
                              {widen_rows, DeviceKind::cpu, &widen_cpu}};

}  // namespace

void check_quantize(const Tensor& w, const Tensor& q) {
  check(w.dtype() == DType::f32 && w.rank() == 2 && has_int8_rows(q) && q.shape() == w.shape(),
        "quantize_rows: expected an f32 matrix and int8 rows of its shape, received ", w, " and ",
        q);
  check(w.all_finite(), "quantize_rows: the matrix ", w, " holds values that are not finite");
}

void check_widen(const Tensor& q, const Tensor& w) {
  check(
      (has_int8_rows(q) || q.dtype() == DType::bf16) && w.dtype() == DType::f32 && w.rank() == 2 &&
          w.shape() == q.shape(),
      "widen_rows: expected int8 rows or a bf16 matrix, and an f32 matrix of its shape, received ",
      q, " and ", w);
}

Tensor empty_int8_rows(int64_t rows, int64_t columns, Device device) {
  return Tensor::empty({rows, int8_pitch(columns)}, DType::u8, device).slice(1, 0, columns);
}

bool has_int8_rows(const Tensor& t) {
  return t.defined() && t.dtype() == DType::u8 && t.rank() == 2 &&
         t.stride(0) >= t.size(1) + factor_bytes;
}

}  // namespace lw::kernels
