#include "layers/weight_format.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/quantize/quantize.h"

namespace lw {
namespace {

bool is_streamed(const Parameter& p) {
  return p.streamed && p.value.size(1) >= 32 && p.value.dtype() == DType::f32;
}

/// Room for all stored matrices in one block, in the order in which a step reads them: one stream,
/// and large enough for the huge pages of core/memory.h.
class Shelf {
 public:
  Shelf(const Parameters& parameters, WeightFormat format) : int8_(format == WeightFormat::int8) {
    int64_t size = 0;
    for (const Parameter& p : parameters)
      if (is_streamed(p)) size += pitch_of(p) * p.value.size(0) + alignment;
    memory_ =
        Tensor::empty({size}, int8_ ? DType::u8 : DType::bf16, parameters.front().value.device());
  }

  /// W in its new storage.
  Tensor store(const Parameter& p) {
    const Tensor& w = p.value.value();
    const int64_t rows = w.size(0), columns = w.size(1), pitch = pitch_of(p);
    Tensor kept = memory_.slice(0, used_, used_ + rows * pitch).reshape({rows, pitch});
    used_ += (rows * pitch + alignment - 1) / alignment * alignment;
    if (int8_) {
      kept = kept.slice(1, 0, columns);
      kernels::quantize_rows(w, kept);
    } else {
      kept.copy_from(w);
    }
    return kept;
  }

 private:
  int64_t pitch_of(const Parameter& p) const {
    return int8_ ? kernels::int8_pitch(p.value.size(1)) : p.value.size(1);
  }

  static constexpr int64_t alignment = 64;
  bool int8_;
  Tensor memory_;
  int64_t used_ = 0;  // elements
};

/// |W^ - W| / |W|
double relative_error(const Tensor& w, const Tensor& kept) {
  Tensor wide = Tensor::empty(w.shape(), w.dtype(), w.device());
  kernels::widen_rows(kept, wide);
  const Tensor w_here = w.to(host), wide_here = wide.to(host);
  const auto a = w_here.view<const float, 2>(), b = wide_here.view<const float, 2>();
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
  std::optional<Shelf> shelf;
  if (format != WeightFormat::f32 && !parameters.empty()) shelf.emplace(parameters, format);
  for (const Parameter& p : parameters) {
    Variable weight = p.value;
    if (shelf && is_streamed(p)) {
      const Tensor before = weight.value(), kept = shelf->store(p);
      const double error = relative_error(before, kept);
      if (error > result.error) result.error = error, result.worst = p.name;
      weight.set_value(kept);
      ++result.stored;
    }
    const Tensor& value = weight.value();
    result.bytes += kernels::has_int8_rows(value) ? value.size(0) * value.stride(0) : value.bytes();
  }
  return result;
}

}  // namespace lw
