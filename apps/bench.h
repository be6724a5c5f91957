// Timing: medians of interleaved repetitions, and what the machine could do at best.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autograd/variable.h"
#include "core/random.h"

namespace lw {

/// Milliseconds that one call of `f` takes.
double elapsed_ms(const std::function<void()>& f);

/// Median milliseconds of `f` over repetitions that take about `seconds` in all (at least 5), after a warm-up.
double median_ms(const std::function<void()>& f, double seconds = 1);

/// What this machine reaches with the threads in use, measured once: the rates that floors are counted with.
struct MachineRates {
  double bytes_per_s;  ///< reading and writing an array much larger than the caches
  double flops_per_s;  ///< a large matrix product in f32
};
const MachineRates& machine_rates();

using Sizes = std::map<std::string, int64_t>;  ///< B, L, D, N, ...

/// An op that can be timed: inputs of a given shape, the op, and the least work it implies.
struct BenchOp {
  std::string name;
  Sizes sizes;  ///< defaults; --shape replaces some
  std::function<Tensors(const Sizes&, const Random&, DType)> inputs;
  std::function<Variables(const Variables&)> run;
  /// Elements that the forward pass reads or writes at least once.
  std::function<double(const Sizes&)> elements;
  std::function<double(const Sizes&)> flops;  ///< arithmetic of the forward pass
};
const std::vector<BenchOp>& bench_ops();

}  // namespace lw
