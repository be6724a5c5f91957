// Timing: medians of repetitions, what the machine could do at best, and the ops that can be timed.
#pragma once

#include <array>
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

double median(std::vector<double> values);

/// Median milliseconds of `f` over `rounds` repetitions after a warm-up; 0: as many as take about a
/// second, at least 5.
double median_ms(const std::function<void()>& f, int64_t rounds = 0);

/// What this machine reaches with the threads in use, measured once: the rates that floors are counted with.
struct MachineRates {
  double bytes_per_s;  ///< reading and writing arrays much larger than the caches
  double flops_per_s;  ///< a large matrix product in f32
  double
      scalar_fmas_per_s;  ///< a chain of dependent multiply-adds in each thread: what threads gain
                          ///< where nothing is shared
};
const MachineRates& machine_rates();

using Sizes = std::map<std::string, int64_t>;  ///< B, L, D, N, ...

/// The sizes named: `const auto [B, L] = take<int64_t>(sizes, "B", "L")`.
template <class T, class... Names>
std::array<T, sizeof...(Names)> take(const Sizes& sizes, Names... names) {
  return {static_cast<T>(sizes.at(names))...};
}

struct NamedTensor {
  std::string name;
  Tensor value;
};
using NamedTensors = std::vector<NamedTensor>;

/// Random inputs. Each is a stream of its own, so that it depends on nothing but name and shape.
struct Draw {
  Random random;
  DType dtype = DType::f32;

  NamedTensor normal(const std::string& name, const Shape& shape, double deviation = 1) const;
  NamedTensor uniform(const std::string& name, const Shape& shape, double low, double high) const;
  /// Real parts in [low, high), imaginary ones in [imag_low, imag_high).
  NamedTensor complex(const std::string& name, const Shape& shape, double low, double high,
                      double imag_low, double imag_high) const;
  NamedTensor ids(const std::string& name, const Shape& shape, int64_t below) const;
};

/// The least that a pass has to do.
struct Work {
  double elements = 0;  ///< read or written, each once
  double flops = 0;     ///< an exponential counts as 10
};

/// An op that can be timed: inputs of a given shape, the op, and the least work it implies.
struct BenchOp {
  std::string name;
  Sizes sizes;  ///< defaults; --shape replaces some
  std::function<NamedTensors(const Sizes&, const Draw&)> inputs;
  /// The first output. One that needs no gradient has no backward pass: an update, a norm.
  std::function<Variable(const Variables&, const Sizes&)> run;
  std::function<std::array<Work, 2>(const Sizes&)> work;  ///< forward and backward
};

/// Every op: those along time (bench_sequence_ops.cpp), and the others (bench_dense_ops.cpp).
const std::vector<BenchOp>& bench_ops();
std::vector<BenchOp> sequence_bench_ops();
std::vector<BenchOp> dense_bench_ops();

}  // namespace lw
