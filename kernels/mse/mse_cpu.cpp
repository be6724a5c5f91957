#include "kernels/mse/mse.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mse/mse_cpu.cpp"
#include <hwy/foreach_target.h>

#include "core/simd_loop-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace simd = lw::simd::HWY_NAMESPACE;

/// Cuts matrices of one shape into pieces without gaps: runs of a fixed length if none has a gap,
/// else rows.
struct Pieces {
  int64_t size, length, count, grain;
  bool flat;

  explicit Pieces(const Tensor& x, const Tensor& y, const Tensor& z = {})
      : size(x.numel()),
        flat(x.is_contiguous() && y.is_contiguous() && (!z.defined() || z.is_contiguous())) {
    length = flat ? 16384 : x.size(1);
    count = flat ? (size + length - 1) / length : x.size(0);
    grain = flat ? 1 : 16384 / (length + 1) + 1;
  }
  int64_t length_of(int64_t piece) const {
    return flat ? std::min(length, size - piece * length) : length;
  }
  template <class T>
  T* begin(const View<T, 2>& v, int64_t piece) const {
    return v.data + piece * (flat ? length : v.strides[0]);
  }
};

template <class T>
void forward_of(const Tensor& x_, const Tensor& y_, double divisor, Tensor& loss) {
  const auto x = x_.view<const T, 2>(), y = y_.view<const T, 2>();
  const Pieces pieces(x_, y_);
  std::vector<double> sums(static_cast<size_t>(pieces.count));
  parallel_for(pieces.count, pieces.grain, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t piece = begin; piece < end; ++piece) {
      const T *a = pieces.begin(x, piece), *b = pieces.begin(y, piece);
      sums[static_cast<size_t>(piece)] =
          simd::sum<T>(pieces.length_of(piece), [&](auto d, int64_t i) HWY_ATTR {
            const auto e = hn::Sub(hn::LoadU(d, a + i), hn::LoadU(d, b + i));
            return hn::Mul(e, e);
          });
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  *loss.data<T>() = static_cast<T>(total / divisor);
}

template <class T>
void backward_of(const Tensor& x_, const Tensor& y_, double divisor, const Tensor& dloss,
                 Tensor& dx_) {
  const auto x = x_.view<const T, 2>(), y = y_.view<const T, 2>();
  const auto dx = dx_.view<T, 2>();
  const Pieces pieces(x_, y_, dx_);
  const T scale = static_cast<T>(2 * *dloss.data<T>() / divisor);
  parallel_for(pieces.count, pieces.grain, [&](int64_t begin, int64_t end) HWY_ATTR {
    for (int64_t piece = begin; piece < end; ++piece) {
      const T *a = pieces.begin(x, piece), *b = pieces.begin(y, piece);
      T* to = pieces.begin(dx, piece);
      simd::for_vectors<T>(pieces.length_of(piece), [&](auto d, int64_t i) HWY_ATTR {
        const auto e = hn::Sub(hn::LoadU(d, a + i), hn::LoadU(d, b + i));
        hn::StoreU(hn::Mul(e, hn::Set(d, scale)), d, to + i);
      });
    }
  });
}

void forward(const Tensor& x, const Tensor& y, double divisor, Tensor& loss) {
  for_float("mse", x.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(x, y, divisor, loss); });
}
void backward(const Tensor& x, const Tensor& y, double divisor, const Tensor& dloss, Tensor& dx) {
  for_float("mse", x.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(x, y, divisor, dloss, dx); });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void forward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(forward)(args...); }
void backward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(backward)(args...); }

const Implementation cpu[] = {{mse_forward, DeviceKind::cpu, &forward_cpu},
                              {mse_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
