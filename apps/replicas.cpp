#include "apps/replicas.h"

#include "core/digest.h"

namespace lw {

Score sum_over(Communicator& ranks, const Score& part) {
  const std::vector<double> sums = ranks.sum(std::vector<double>{
      part.loss_sum, static_cast<double>(part.count), static_cast<double>(part.correct)});
  return {sums[0], static_cast<int64_t>(sums[1]), static_cast<int64_t>(sums[2])};
}

void average_buffers(Communicator& ranks, const Model& model, double share) {
  if (ranks.size() == 1) return;
  for (const Layer::Buffer& buffer : model.buffers()) {
    auto* values = buffer.value.data<float>();
    for (int64_t i = 0; i < buffer.value.numel(); ++i) values[i] *= static_cast<float>(share);
    ranks.start_sum(buffer.value);
  }
  ranks.wait_sums();
}

void check_replicas(Communicator& ranks, const Model& model) {
  if (ranks.size() == 1) return;
  std::string digests;
  for (const Parameter& p : model.parameters()) digests += xxh3(p.value.value());
  for (const Layer::Buffer& b : model.buffers()) digests += xxh3(b.value);
  ranks.check_same("the model", digests);
}

}  // namespace lw
