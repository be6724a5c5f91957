// What keeps the ranks of a run equal: each trains a copy of the model on its part of every batch.
//
// Gradients and scores are summed (optim/gradient_sums.h); from them every rank computes the same update, so that the
// copies have the same bits. With one rank nothing here does anything.
#pragma once

#include "apps/objective.h"
#include "core/communicator.h"
#include "layers/model.h"

namespace lw {

/// The score of all ranks' parts together.
Score sum_over(Communicator& ranks, const Score& part);

/// Replaces running averages, which move with each rank's part of the batch, by their mean, each weighted by the
/// rank's `share` of the samples. The statistics of batch norm are those of a part, as with train.accumulate.
void average_buffers(Communicator& ranks, const Model& model, double share);

/// Throws Error, naming the ranks, where weights or running averages are not those of rank 0, bit for bit.
void check_replicas(Communicator& ranks, const Model& model);

}  // namespace lw
