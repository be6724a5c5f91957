// A split of signals read at another rate: what `eval.rate` measures a model on.
#pragma once

#include "data/dataset.h"

namespace lw {

/// The samples of `split` with `rate` times as many steps in the same time. A dataset that draws signals of
/// continuous time samples them anew; of others a rate of 1/k keeps every k-th step, and a rate of k puts k - 1 values
/// between two neighbours, on the line through them. `split` must outlive the result.
/// Throws Error for another rate, and for tasks whose samples are tokens or whose targets stand at steps.
std::unique_ptr<Dataset> at_rate(const Dataset& split, const Task& task, double rate);

}  // namespace lw
