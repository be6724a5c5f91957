#include "autograd/fixed_weights.h"

namespace lw {
namespace {

thread_local FixedWeights* current = nullptr;

}  // namespace

FixedWeights::FixedWeights() : before_(current) { current = this; }

FixedWeights::~FixedWeights() { current = before_; }

Variable FixedWeights::derive(const void* owner, const std::function<Variable()>& make) {
  if (!current || NoGrad::recording()) return make();
  Variable& kept = current->derived_[owner];
  if (!kept) kept = make();
  return kept;
}

}  // namespace lw
