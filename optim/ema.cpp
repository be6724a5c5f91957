#include "optim/ema.h"

#include <algorithm>

#include "kernels/average/average.h"

namespace lw {

WeightAverage::WeightAverage(FlatParameters parameters, double decay)
    : parameters_(std::move(parameters)),
      decay_(decay),
      averages_(parameters_.values().clone()),
      weight_(Tensor::zeros({}, DType::f64, averages_.device())) {
  check(0 <= decay && decay < 1, "ema: expected a decay in [0, 1), received ", decay);
}

void WeightAverage::prepare() {
  const auto n = static_cast<double>(updates_++);
  weight_.copy_from(Tensor::scalar(1 - std::min(decay_, (1 + n) / (10 + n)), DType::f64, host));
}

void WeightAverage::update() { kernels::average(parameters_.values(), weight_, averages_); }

void WeightAverage::use(const Tensor& flat) const {
  for (const FlatParameters::Entry& entry : parameters_.entries()) {
    Variable variable = entry.parameter.value;
    variable.set_value(parameters_.view(flat, entry));
  }
}

WeightAverage::Swap::Swap(const WeightAverage& average) : average_(average) {
  average_.use(average_.averages_);
}

WeightAverage::Swap::~Swap() { average_.use(average_.parameters_.values()); }

std::vector<WeightAverage::Average> WeightAverage::state() const {
  std::vector<Average> averages;
  for (const FlatParameters::Entry& entry : parameters_.entries())
    averages.push_back({entry.parameter.name, parameters_.view(averages_, entry)});
  return averages;
}

}  // namespace lw
