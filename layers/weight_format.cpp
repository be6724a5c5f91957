#include "layers/weight_format.h"

#include <algorithm>
#include <cmath>

#include "kernels/quantize/quantize.h"

namespace lw {
namespace {

bool is_streamed(const Parameter& p) {
  return (p.role == Role::matrix || p.role == Role::embedding) && p.value.rank() == 2 &&
         p.value.size(1) >= 32 && p.value.dtype() == DType::f32;
}

Tensor stored(const Tensor& w, WeightFormat format) {
  if (format == WeightFormat::bf16) return w.to(DType::bf16);
  Tensor q = kernels::empty_int8_rows(w.size(0), w.size(1), w.device());
  kernels::quantize_rows(w, q);
  return q;
}

/// |W^ - W| / |W|
double relative_error(const Tensor& w, const Tensor& kept) {
  Tensor wide = Tensor::empty(w.shape(), w.dtype(), w.device());
  kernels::widen_rows(kept, wide);
  const auto a = w.view<const float, 2>(), b = wide.view<const float, 2>();
  double difference = 0, norm = 0;
  for (int64_t j = 0; j < w.size(0); ++j)
    for (int64_t i = 0; i < w.size(1); ++i) {
      const auto x = static_cast<double>(a(j, i)), e = static_cast<double>(b(j, i)) - x;
      difference += e * e, norm += x * x;
    }
  return norm > 0 ? std::sqrt(difference / norm) : 0;
}

}  // namespace

WeightFormat weight_format(const std::string& name) {
  const auto found = std::find(weight_formats.begin(), weight_formats.end(), name);
  check(found != weight_formats.end(), "weights: expected f32, bf16 or int8, received `", name,
        "`");
  return static_cast<WeightFormat>(found - weight_formats.begin());
}

StoredWeights store_weights(const Parameters& parameters, WeightFormat format) {
  StoredWeights result;
  for (const Parameter& p : parameters) {
    Variable weight = p.value;
    if (format != WeightFormat::f32 && is_streamed(p)) {
      const Tensor before = weight.value(), kept = stored(before, format);
      const double error = relative_error(before, kept);
      if (error > result.error) result.error = error, result.worst = p.name;
      weight.set_value(kept);
    }
    const Tensor& value = weight.value();
    result.bytes += kernels::has_int8_rows(value) ? value.size(0) * value.stride(0) : value.bytes();
  }
  return result;
}

}  // namespace lw
