#include "data/resampled.h"

#include <algorithm>
#include <cmath>

namespace lw {
namespace {

/// A rate of `up` / `down`, one of which is 1.
class Resampled final : public Dataset {
 public:
  Resampled(const Dataset& split, int64_t up, int64_t down) : split_(split), up_(up), down_(down) {}

  int64_t size() const override { return split_.size(); }

  Batch batch(std::span<const int64_t> indices, int64_t epoch) const override {
    Batch batch = split_.batch(indices, epoch);
    const Tensor from = batch.inputs.to(host).contiguous();
    const int64_t n = from.size(0), time = from.size(1), features = from.size(2);
    const int64_t steps = steps_of(time);
    batch.inputs = Tensor::empty({n, steps, features}, DType::f32, host);
    const float* x = from.data<float>();
    float* out = batch.inputs.data<float>();
    for (int64_t i = 0; i < n; ++i)
      for (int64_t t = 0; t < steps; ++t)
        for (int64_t c = 0; c < features; ++c) {
          const int64_t s = t * down_ / up_, next = std::min(s + 1, time - 1);
          const auto part = static_cast<float>(t * down_ % up_) / static_cast<float>(up_);
          const float here = x[(i * time + s) * features + c];
          *out++ = here + part * (x[(i * time + next) * features + c] - here);
        }
    if (batch.lengths) {
      batch.lengths = batch.lengths.to(host).clone();
      for (int64_t i = 0; i < n; ++i)
        batch.lengths.data<int64_t>()[i] = steps_of(batch.lengths.data<int64_t>()[i]);
    }
    return batch;
  }

 private:
  int64_t steps_of(int64_t time) const { return (time * up_ + down_ - 1) / down_; }

  const Dataset& split_;
  int64_t up_, down_;
};

}  // namespace

std::unique_ptr<Dataset> at_rate(const Dataset& split, const Task& task, double rate) {
  check(task.vocabulary == 0 && task.target == Task::Target::label,
        "eval.rate: only signals with one label each can be read at another rate; the samples of "
        "this data ",
        task.vocabulary > 0 ? "are tokens" : "have values as targets");
  if (std::unique_ptr<Dataset> drawn = split.at_rate(rate)) return drawn;
  const double up = std::max(1., std::round(rate)), down = std::max(1., std::round(1 / rate));
  check(std::abs(up / down - rate) < 1e-9 * rate, "eval.rate: ", rate,
        " is neither a whole number nor one over one\n  signals that are "
        "given as samples can only be read at such rates");
  return std::make_unique<Resampled>(split, static_cast<int64_t>(up), static_cast<int64_t>(down));
}

}  // namespace lw
