#include "apps/captured_step.h"

#include <array>

#include "autograd/variable.h"

namespace lw {
namespace {

/// The tensors of a batch that a graph can take.
template <class B>
auto parts(B& batch) {
  return std::array{&batch.inputs, &batch.targets, &batch.resets};
}

Batch memory_for(const Batch& like) {
  Batch batch = like;
  for (Tensor* part : parts(batch))
    if (part->defined()) *part = Tensor::empty(part->shape(), part->dtype());
  return batch;
}

}  // namespace

CapturedStep::CapturedStep(const Batch& like, const std::function<void(const Batch&)>& work)
    : batch_(memory_for(like)), position_(Tensor::zeros({2}, DType::i64)), graph_([&] {
        const Training training(0, 0, position_);
        work(batch_);
      }) {}

bool CapturedStep::fits(const Batch& batch) const {
  const auto own = parts(batch_), given = parts(batch);
  for (size_t i = 0; i < own.size(); ++i) {
    if (own[i]->defined() != given[i]->defined()) return false;
    if (own[i]->defined() &&
        (own[i]->shape() != given[i]->shape() || own[i]->dtype() != given[i]->dtype()))
      return false;
  }
  return takes(batch);
}

void CapturedStep::run(const Batch& batch, int64_t step, int64_t first_sample) {
  const auto own = parts(batch_);
  const auto given = parts(batch);
  for (size_t i = 0; i < own.size(); ++i)
    if (own[i]->defined()) own[i]->copy_from(*given[i]);
  Tensor position = Tensor::empty({2}, DType::i64, host);
  position.data<int64_t>()[0] = step;
  position.data<int64_t>()[1] = first_sample;
  position_.copy_from(position);
  graph_.launch();
}

}  // namespace lw
