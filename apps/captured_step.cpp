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

CapturedStep::CapturedStep(const Batch& like, int64_t first_sample,
                           const std::function<void(const Batch&)>& work)
    : batch_(memory_for(like)),
      counter_(Tensor::zeros({}, DType::i64)),
      first_sample_(first_sample),
      graph_([&] {
        const Training training(0, first_sample, counter_);
        work(batch_);
      }) {}

bool CapturedStep::fits(const Batch& batch, int64_t first_sample) const {
  const auto own = parts(batch_), given = parts(batch);
  for (size_t i = 0; i < own.size(); ++i) {
    if (own[i]->defined() != given[i]->defined()) return false;
    if (own[i]->defined() &&
        (own[i]->shape() != given[i]->shape() || own[i]->dtype() != given[i]->dtype()))
      return false;
  }
  return takes(batch) && first_sample == first_sample_;
}

void CapturedStep::run(const Batch& batch, int64_t step) {
  const auto own = parts(batch_);
  const auto given = parts(batch);
  for (size_t i = 0; i < own.size(); ++i)
    if (own[i]->defined()) own[i]->copy_from(*given[i]);
  Tensor number = Tensor::empty({}, DType::i64, host);
  *number.data<int64_t>() = step;
  counter_.copy_from(number);
  graph_.launch();
}

}  // namespace lw
