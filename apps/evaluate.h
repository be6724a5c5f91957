// Evaluation of a model on a whole split.
#pragma once

#include "apps/metrics.h"
#include "apps/objective.h"
#include "core/communicator.h"
#include "layers/model.h"

namespace lw {

/// The score over every sample of the split that is called `name`, in order, in batches of `batch` that the ranks share. Its
/// signals are sampled at `rate` times the rate of training. A signal ends it with Interrupted. Throws Error (data) if
/// the split has no target that counts.
Score evaluate(const Model& model, const Task& task, const Dataset& split, const std::string& name,
               int64_t batch, Communicator& ranks, double rate = 1);

/// What a score is called in metrics.jsonl and by `longwave eval`: loss, then accuracy (labels,
/// tokens), perplexity and bits a token (language models).
std::vector<std::pair<std::string, double>> named(const Score& score, const Task& task);

}  // namespace lw
