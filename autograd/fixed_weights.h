// FixedWeights: while one of these lives, the parameters do not change.
//
//   const FixedWeights fixed;
//   for (...) state = layer.forward(x, state, context);    // -exp(A_log) is computed once
//
// What a layer derives from its parameters alone is then computed once and kept by the guard. It
// counts for this thread, and only where no graph is recorded; without a guard, or with a graph,
// derive() computes each time.
// Cost: the memory of what is kept, until the guard goes.
// Errors: none; parameters that change under a guard are not noticed.
#pragma once

#include <functional>
#include <unordered_map>

#include "autograd/variable.h"

namespace lw {

class FixedWeights {
 public:
  FixedWeights();
  ~FixedWeights();
  FixedWeights(const FixedWeights&) = delete;

  /// `make()`, or what it gave before for this `owner`: the layer that derives one value.
  static Variable derive(const void* owner, const std::function<Variable()>& make);

 private:
  FixedWeights* before_;
  std::unordered_map<const void*, Variable> derived_;
};

}  // namespace lw
