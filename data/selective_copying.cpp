#include "data/selective_copying.h"

#include <algorithm>

namespace lw {
namespace {

constexpr int64_t noise = 0, marker = 1, first_data = 2;

class SelectiveCopying final : public Dataset {
 public:
  SelectiveCopying(const SelectiveCopyingOptions& o, int64_t size, const Random& random)
      : o_(o), size_(size), random_(random) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch;
    batch.inputs = Tensor::full({n, o_.length}, noise, DType::i64, host);
    batch.targets = Tensor::full({n, o_.length}, ignored_target, DType::i64, host);
    const int64_t body = o_.length - o_.tokens;
    for (int64_t i = 0; i < n; ++i) {
      const Random sample = random_.fork(static_cast<uint64_t>(indices[static_cast<size_t>(i)]));
      int64_t* input = batch.inputs.data<int64_t>() + i * o_.length;
      int64_t* target = batch.targets.data<int64_t>() + i * o_.length;
      const Random place = sample.fork("place"), token = sample.fork("token");
      int64_t remaining = o_.tokens;
      for (int64_t t = 0; t < body && remaining > 0; ++t) {  // each set of places is equally likely
        if (place.integer_at(static_cast<uint64_t>(t), body - t) >= remaining) continue;
        const int64_t k = o_.tokens - remaining--;
        input[t] =
            first_data + token.integer_at(static_cast<uint64_t>(k), o_.vocabulary - first_data);
        target[body + k] = input[t];
      }
      std::fill(input + body, input + o_.length, marker);
    }
    return batch;
  }

 private:
  SelectiveCopyingOptions o_;
  int64_t size_;
  Random random_;
};

DataSource make_selective_copying(const SelectiveCopyingOptions& o, const DataContext& context) {
  check(2 * o.tokens <= o.length, "data.length is ", o.length,
        ", too short to hold and to repeat data.tokens = ", o.tokens);
  const Random random = Random(context.seed).fork("selective copying");
  DataSource source;
  source.task = {.vocabulary = o.vocabulary,
                 .length = o.length,
                 .target = Task::Target::token,
                 .classes = o.vocabulary};
  source.fingerprint =
      str("selective_copying seed=", context.seed, " length=", o.length, " tokens=", o.tokens,
          " vocabulary=", o.vocabulary, " train=", o.train, " validation=", o.validation);
  source.train = std::make_unique<SelectiveCopying>(o, o.train, random.fork("train"));
  source.val = std::make_unique<SelectiveCopying>(o, o.validation, random.fork("val"));
  source.test = std::make_unique<SelectiveCopying>(o, o.test, random.fork("test"));
  return source;
}

const bool registered =
    datasets().add<SelectiveCopyingOptions>("selective_copying", &make_selective_copying);

}  // namespace

void SelectiveCopyingOptions::describe(Fields& f) {
  f.optional("length", length, "steps in all: noise and data, then one marker for each data token",
             positive());
  f.optional("tokens", tokens, "data tokens to remember", positive());
  f.optional("vocabulary", vocabulary, "tokens in all, noise and marker included", at_least(3));
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
  f.optional("test", test, "samples of the test split", positive());
}

}  // namespace lw
