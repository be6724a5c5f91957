#include "data/induction_heads.h"

namespace lw {
namespace {

constexpr int64_t special = 0;

class InductionHeads final : public Dataset {
 public:
  InductionHeads(const InductionHeadsOptions& o, int64_t size, const Random& random)
      : o_(o), size_(size), random_(random) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch;
    batch.inputs = Tensor::empty({n, o_.length}, DType::i64);
    batch.targets = Tensor::full({n, o_.length}, ignored_target, DType::i64);
    for (int64_t i = 0; i < n; ++i) {
      const Random sample = random_.fork(static_cast<uint64_t>(indices[static_cast<size_t>(i)]));
      int64_t* input = batch.inputs.data<int64_t>() + i * o_.length;
      for (int64_t t = 0; t < o_.length; ++t)
        input[t] = 1 + sample.integer_at(static_cast<uint64_t>(t), o_.vocabulary - 1);
      const int64_t place = sample.fork("place").integer_at(0, o_.length - 2);
      input[place] = input[o_.length - 1] = special;
      batch.targets.data<int64_t>()[(i + 1) * o_.length - 1] = input[place + 1];
    }
    return batch;
  }

 private:
  InductionHeadsOptions o_;
  int64_t size_;
  Random random_;
};

DataSource make_induction_heads(const InductionHeadsOptions& o, const DataContext& context) {
  const Random random = Random(context.seed).fork("induction heads");
  DataSource source;
  source.task = {.vocabulary = o.vocabulary,
                 .length = o.length,
                 .target = Task::Target::token,
                 .classes = o.vocabulary};
  source.fingerprint = str("induction_heads seed=", context.seed, " length=", o.length,
                           " vocabulary=", o.vocabulary, " train=", o.train);
  source.train = std::make_unique<InductionHeads>(o, o.train, random.fork("train"));
  source.val = std::make_unique<InductionHeads>(o, o.validation, random.fork("val"));
  source.test = std::make_unique<InductionHeads>(o, o.test, random.fork("test"));
  return source;
}

const bool registered =
    datasets().add<InductionHeadsOptions>("induction_heads", &make_induction_heads);

}  // namespace

void InductionHeadsOptions::describe(Fields& f) {
  f.optional("length", length, "steps of a sample", at_least(3));
  f.optional("vocabulary", vocabulary, "tokens in all, the special one included", at_least(3));
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
  f.optional("test", test, "samples of the test split", positive());
}

}  // namespace lw
