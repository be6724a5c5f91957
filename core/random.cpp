#include "core/random.h"

#include <cmath>
#include <numbers>

#include "core/parallel.h"

namespace lw {
namespace {

/// SplitMix64's finaliser (Steele, Lea & Flood 2014): spreads every input bit over all output bits.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr int64_t grain = 16384;

template <class Draw>
Tensor filled(const Shape& shape, DType dtype, Draw draw) {
  Tensor result = Tensor::empty(shape, dtype, host);
  for_float("random", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = result.data<T>();
    parallel_for(result.numel(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = static_cast<T>(draw(static_cast<uint64_t>(i)));
    });
  });
  return result.to(default_device());
}

}  // namespace

Random Random::fork(uint64_t number) const {
  Random result = *this;
  result.stream_ = mix(stream_ ^ mix(number));
  return result;
}

Random Random::fork(std::string_view name) const {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return fork(hash);
}

Random Random::at_step(uint64_t step) const {
  Random result = *this;
  result.step_ = step;
  return result;
}

uint64_t Random::key() const { return mix(seed_) ^ mix(stream_ + 0x632be59bd9b4e019u); }

uint64_t Random::bits_at(uint64_t index) const { return philox_bits(key(), step_, index); }

double Random::uniform_at(uint64_t index) const {
  return static_cast<double>(bits_at(index) >> 11) * 0x1p-53;
}

double Random::normal_at(uint64_t index) const {
  const auto r = philox_draw(key(), step_, index);
  const double u =
      (static_cast<double>(uint64_t{r[1]} << 21 ^ r[0] >> 11) + 0.5) * 0x1p-53;  // in (0, 1)
  const double v = static_cast<double>(uint64_t{r[3]} << 32 | r[2]) * 0x1p-64;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

int64_t Random::integer_at(uint64_t index, int64_t below) const {
  check(below > 0, "Random::integer_at: the bound must be positive, received ", below);
  return static_cast<int64_t>(
      (static_cast<unsigned __int128>(bits_at(index)) * static_cast<uint64_t>(below)) >> 64);
}

Tensor Random::uniform(const Shape& shape, double low, double high, DType dtype) const {
  return filled(shape, dtype, [=, this](uint64_t i) { return low + (high - low) * uniform_at(i); });
}

Tensor Random::normal(const Shape& shape, double mean, double deviation, DType dtype) const {
  return filled(shape, dtype, [=, this](uint64_t i) { return mean + deviation * normal_at(i); });
}

}  // namespace lw
