#include "apps/replicas.h"

#include "autograd/ops/elementwise.h"
#include "core/digest.h"

namespace lw {

Score sum_over(Communicator& ranks, const Score& part) {
  const std::vector<double> sums = ranks.sum(std::vector<double>{
      part.loss_sum, static_cast<double>(part.count), static_cast<double>(part.correct)});
  return {sums[0], static_cast<int64_t>(sums[1]), static_cast<int64_t>(sums[2])};
}

void average_buffers(Communicator& ranks, const Model& model, double share) {
  if (ranks.size() == 1) return;
  const NoGrad no_grad;
  for (const Layer::Buffer& buffer : model.buffers()) {
    Tensor value = buffer.value;
    value.copy_from((Variable(value) * share).value());
    ranks.start_sum(value);
  }
  ranks.wait_sums();
}

void check_replicas(Communicator& ranks, const Model& model) {
  if (ranks.size() == 1) return;
  std::string digests;
  for (const Parameter& p : model.parameters()) digests += xxh3(p.value.value().to(host));
  for (const Layer::Buffer& b : model.buffers()) digests += xxh3(b.value.to(host));
  ranks.check_same("the model", digests);
}

}  // namespace lw
