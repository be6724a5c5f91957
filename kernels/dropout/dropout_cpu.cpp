#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout/dropout_cpu.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "core/lanes-inl.h"
#include "core/nest.h"
#include "core/random.h"
#include "kernels/dropout/dropout.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace math = lw::simd::HWY_NAMESPACE;

constexpr int64_t piece = 1024;  // flags made at a time

/// The four words of blocks [first, first + count) of a key, in order; `count` is a multiple of 16.
#if HWY_TARGET == HWY_SCALAR
void random_words(uint64_t key, uint64_t first, int64_t count, uint32_t* words) {
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t block = first + static_cast<uint64_t>(i);
    const auto four = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32)},
                             {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
    std::copy(four.begin(), four.end(), words + 4 * i);
  }
}
#else
using U = hn::ScalableTag<uint32_t>;
using Words = hn::Vec<U>;

struct Product {
  Words low, high;
};

/// The two halves of a * b, which the processor gives for even lanes only.
HWY_INLINE Product multiply(Words a, Words b) {
  const U d;
  const hn::RepartitionToWide<U> d64;
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, a))), b);
  return {hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even)),
          hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)))};
}

void random_words(uint64_t key, uint64_t first, int64_t count, uint32_t* words) {
  const U d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += lanes) {
    const uint64_t block = first + static_cast<uint64_t>(i);
    const Words start = hn::Set(d, static_cast<uint32_t>(block));
    Words c0 = hn::Add(start, hn::Iota(d, 0));
    const Words carry = hn::IfThenElseZero(hn::Lt(c0, start), hn::Set(d, 1));
    Words c1 = hn::Add(hn::Set(d, static_cast<uint32_t>(block >> 32)), carry);
    Words c2 = hn::Zero(d), c3 = hn::Zero(d);
    auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const Product p0 = multiply(c0, hn::Set(d, 0xD2511F53u));
      const Product p1 = multiply(c2, hn::Set(d, 0xCD9E8D57u));
      c0 = hn::Xor(hn::Xor(p1.high, c1), hn::Set(d, k0));
      c2 = hn::Xor(hn::Xor(p0.high, c3), hn::Set(d, k1));
      c1 = p1.low;
      c3 = p0.low;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    hn::StoreInterleaved4(c0, c1, c2, c3, d, words + 4 * i);
  }
}
#endif

/// 1 where index first + i is kept, else 0, for i in [0, count); `count` is at most `piece`.
void keep_flags(const Dropout& how, int64_t first, int64_t count, float* keep) {
  HWY_ALIGN uint32_t words[piece + 128];
  const uint32_t threshold = drop_threshold(how.rate);
  const int64_t skipped = first % 4;
  const int64_t blocks = (skipped + count + 3) / 4;
  random_words(how.key, static_cast<uint64_t>(first / 4), (blocks + 15) / 16 * 16, words);
  for (int64_t i = 0; i < count; ++i) keep[i] = words[skipped + i] >= threshold ? 1.f : 0.f;
}

/// `keep` in the lanes of d.
template <class D>
HWY_INLINE math::Lanes<D> load_flags(D d, const float* keep) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), keep));
  } else {
    return math::load(d, keep);
  }
}

/// y = x keep scale
template <class E>
void apply(const E* x, const float* keep, double scale, E* y, int64_t count) {
  const math::ComputeTag<E> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const math::Lanes<math::ComputeTag<E>> factor(scale);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    math::store(math::load(d, x + i) * (load_flags(d, keep + i) * factor), d, y + i);
  if (i == count) return;
  HWY_ALIGN float flags[hn::MaxLanes(math::ComputeTag<E>())] = {};
  std::copy(keep + i, keep + count, flags);
  const auto rest = math::load_part(d, x + i, count - i, E{});
  math::store_part(rest * (load_flags(d, flags) * factor), d, y + i, count - i);
}

/// A mask of its own for every element: y is walked in its own order, which is that of the index.
template <class E>
void drop_elements(const Dropout& how, double scale, const Tensor& x, Tensor& y) {
  const int64_t base = how.first_sample * (y.numel() / y.size(0));
  const E* in = static_cast<const E*>(x.raw());
  E* out = static_cast<E*>(y.raw());
  Nest<2>(y.shape(), {&x, &y}).for_rows([&](const auto& offset, int64_t count) {
    float keep[piece];
    for (int64_t i = 0; i < count; i += piece) {
      const int64_t here = std::min(piece, count - i), at = offset[1] + i;
      keep_flags(how, base + at, here, keep);
      apply(in + offset[0] + i, keep, scale, out + at, here);
    }
  });
}

/// One mask for all times of a sample.
template <class E>
void drop_tied(const Dropout& how, double scale, const Tensor& x, Tensor& y) {
  const int64_t channels = y.rank() == 1 ? 1 : y.size(-1);
  const int64_t times = y.numel() / y.size(0) / channels;
  const Tensor x3 = x.reshape({y.size(0), times, channels});
  const auto in = x3.view<const E, 3>();
  const auto out = y.reshape({y.size(0), times, channels}).template view<E, 3>();
  const int64_t width = std::min(piece, channels), cuts = (channels + width - 1) / width;
  const int64_t steps = (1 << 15) / width, spans = (times + steps - 1) / steps;
  parallel_chunks(y.size(0) * cuts * spans, [&](int64_t chunk) {
    const int64_t sample = chunk / (cuts * spans), cut = chunk / spans % cuts;
    const int64_t first = cut * width, count = std::min(width, channels - first);
    const int64_t begin = chunk % spans * steps, end = std::min(times, begin + steps);
    const int64_t index = how.first_sample + sample;
    float keep[piece];
    if (how.mask == Mask::channel) {
      keep_flags(how, index * channels + first, count, keep);
    } else {
      keep_flags(how, index, 1, keep);
      std::fill_n(keep, count, keep[0]);
    }
    for (int64_t t = begin; t < end; ++t)
      apply(&in(sample, t, first), keep, scale, &out(sample, t, first), count);
  });
}

void drop(const Dropout& how, const Tensor& x, Tensor& y) {
  const double scale = 1 / (1 - how.rate);
  const auto run = [&](auto tag) {
    using E = typename decltype(tag)::type;
    how.mask == Mask::element ? drop_elements<E>(how, scale, x, y) : drop_tied<E>(how, scale, x, y);
  };
  x.dtype() == DType::bf16 ? run(TypeTag<bfloat16>()) : for_float("dropout", x.dtype(), run);
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(drop);

void dropout_cpu(const Dropout& how, const Tensor& x, Tensor& y) {
  check_dropout(how, x, y);
  Dropout drawn = how;
  if (how.position) {
    const int64_t* position = how.position.data<int64_t>();
    drawn.key = drawn_key(how.key, position), drawn.first_sample = position[1];
  }
  if (x.numel() > 0) HWY_DYNAMIC_DISPATCH(drop)(drawn, x, y);
}

const Implementation cpu{dropout, DeviceKind::cpu, &dropout_cpu};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
