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
    batch.inputs = Tensor::empty({n, o_.length}, DType::i64, host);
    batch.targets = Tensor::full({n, o_.length}, ignored_target, DType::i64, host);
    for (int64_t i = 0; i < n; ++i) {
      const Random sample = random_.fork(static_cast<uint64_t>(indices[static_cast<size_t>(i)]));
      int64_t* input = batch.inputs.data<int64_t>() + i * o_.length;
      for (int64_t t = 0; t < o_.length; ++t)
        input[t] = 1 + sample.integer_at(static_cast<uint64_t>(t), o_.vocabulary - 1);
      // Every choice of occurrences among the free places is as likely as any other (Knuth, algorithm S);
      // each takes two places, and the answer is what followed the one before.
      const Random places = sample.fork("place");
      int64_t* target = batch.targets.data<int64_t>() + i * o_.length;
      int64_t answer = ignored_target;
      const int64_t slots = o_.length - 1 - o_.occurrences;
      for (int64_t slot = 0, chosen = 0; chosen < o_.occurrences; ++slot) {
        if (places.integer_at(static_cast<uint64_t>(slot), slots - slot) >= o_.occurrences - chosen)
          continue;
        const int64_t place = slot + chosen++;
        target[place] = answer;
        input[place] = special, answer = input[place + 1];
      }
      input[o_.length - 1] = special, target[o_.length - 1] = answer;
    }
    return batch;
  }

 private:
  InductionHeadsOptions o_;
  int64_t size_;
  Random random_;
};

DataSource make_induction_heads(const InductionHeadsOptions& o, const DataContext& context) {
  check(o.length > 2 * o.occurrences, str("data.occurrences is ", o.occurrences,
                                          "; with the tokens that follow them and the question "
                                          "these need a data.length of at least ",
                                          2 * o.occurrences + 1, ", and it is ", o.length));
  const Random random = Random(context.seed).fork("induction heads");
  DataSource source;
  source.task = {.vocabulary = o.vocabulary,
                 .length = o.length,
                 .target = Task::Target::token,
                 .classes = o.vocabulary};
  source.fingerprint =
      str("induction_heads seed=", context.seed, " length=", o.length, " vocabulary=", o.vocabulary,
          " occurrences=", o.occurrences, " train=", o.train, " validation=", o.validation);
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
  f.optional("occurrences", occurrences,
             "of the special token before the last; from the second on each is a question",
             positive());
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
  f.optional("test", test, "samples of the test split", positive());
}

}  // namespace lw
