// Subject: a layer in one precision, of a small width, with inputs and parameters drawn at random, on which
// `longwave check` measures its laws (apps/check_layer.h). A whole model is a layer too, from signals to signals.
#pragma once

#include <functional>
#include <string>

#include "layers/model.h"

namespace lw {

/// Largest |a - b| relative to the largest |a|, real and imaginary parts alike; infinite for NaN.
double distance(const Tensor& a, const Tensor& b);
double distance(const State& a, const State& b);

class Subject {
 public:
  static constexpr int64_t batch = 2, width = 6;

  /// Makes a layer for a stack of this width.
  using Make = std::function<std::unique_ptr<SequenceLayer>(const Random& random)>;
  Subject(const Make& make, DType dtype);

  const SequenceLayer& layer() const { return *layer_; }
  DType dtype() const { return dtype_; }

  /// [rows, time, width], the same each time.
  Tensor input(int64_t time, int64_t rows = batch) const;

  /// Keeps the state if the layer is causal, whatever `context` says.
  Output run(const Variable& x, const State& state = {}, Context context = {}) const;

  /// A state as a past of some steps leaves it.
  State past() const;

  /// Gradients of every parameter, and of x, for the outputs weighted at random.
  Tensors gradients(const std::function<Variable(const Variable& x)>& f, const Tensor& x) const;

  /// Central differences of x and of every parameter along a random direction; the largest relative error.
  double directional_error(const Tensor& x, const Context& context = {}) const;

 private:
  Random random_{7};
  DType dtype_;
  std::unique_ptr<SequenceLayer> layer_;
  Parameters parameters_;
};

/// A layer of a kind, its options in YAML.
Subject::Make layer_of(const std::string& kind, const std::string& options);

/// A model that reads `width` features and tells as many numbers at each step.
Subject::Make layer_of(const ModelOptions& options);

}  // namespace lw
