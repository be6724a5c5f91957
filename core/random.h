// Random numbers without state: a counter-based generator (Philox 4x32-10) keyed by what is drawn.
//
// A number is a pure function of (seed, stream, step, index). Nothing is saved or restored on
// resume, and every device and rank computes the same number for the same element.
//
//   Random random(seed);                           the root of a run
//   random.fork("layers.0").fork("in_proj")        the stream of one parameter, by name
//   random.at_step(step).uniform_at(index)         a draw
//
// Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/philox.h"
#include "core/tensor.h"

namespace lw {

class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}

  /// An independent stream for the thing called `name`, within this one.
  Random fork(std::string_view name) const;
  Random fork(uint64_t number) const;
  /// The same stream at a training step.
  Random at_step(uint64_t step) const;

  uint64_t seed() const { return seed_; }
  uint64_t stream() const { return stream_; }
  uint64_t step() const { return step_; }
  /// What names seed and stream to philox_bits(key, step, index), which is bits_at(index).
  uint64_t key() const;

  // Draws number `index` of the stream.
  uint64_t bits_at(uint64_t index) const;   ///< 64 random bits
  double uniform_at(uint64_t index) const;  ///< in [0, 1), 53 bits
  double normal_at(uint64_t index) const;   ///< N(0, 1), Box-Muller in double
  int64_t integer_at(uint64_t index,
                     int64_t below) const;  ///< in [0, below), bias below 2^-63 `below`

  // Fill new tensors, element i with draw i; in parallel, equal for every number of threads.
  Tensor uniform(const Shape& shape, double low, double high, DType dtype = DType::f32) const;
  Tensor normal(const Shape& shape, double mean = 0, double deviation = 1,
                DType dtype = DType::f32) const;

 private:
  uint64_t seed_;
  uint64_t stream_ = 0;
  uint64_t step_ = 0;
};

}  // namespace lw
