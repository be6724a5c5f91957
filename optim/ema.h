// WeightAverage: an exponential moving average of the parameters, for evaluation.
//
//   n-th update:   a <- a + (1 - d) (p - a),   d = min(decay, (1 + n) / (10 + n)),  n = 0, 1, ...
//
// It starts at the parameters; the bound on d lets it forget the start of training. One fused pass
// over the flat buffer; the memory of one more copy of the parameters.
// Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging".
#pragma once

#include <string>
#include <vector>

#include "optim/flat.h"

namespace lw {

class WeightAverage {
 public:
  WeightAverage(FlatParameters parameters, double decay);

  /// Tells the device of the next update.
  void prepare();
  /// Takes in the parameters as they are now; call it after each step of the optimizer. Nothing waits for the device.
  void update();

  /// While one of these lives, the model computes with the averages. The parameters themselves stay
  /// where they are.
  class Swap {
   public:
    explicit Swap(const WeightAverage& average);
    ~Swap();
    Swap(const Swap&) = delete;

   private:
    const WeightAverage& average_;
  };

  /// The average of each parameter, by its name; a view: writing through it restores a checkpoint.
  struct Average {
    std::string parameter;
    Tensor value;
  };
  std::vector<Average> state() const;
  /// Number of updates made; part of a checkpoint.
  int64_t updates() const { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }

 private:
  /// Points the model's variables at a flat buffer.
  void use(const Tensor& flat) const;

  FlatParameters parameters_;
  double decay_;
  Tensor averages_, weight_;  // weight_: of the parameters in the next update
  int64_t updates_ = 0;
};

}  // namespace lw
