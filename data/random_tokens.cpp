#include "data/random_tokens.h"

namespace lw {
namespace {

class RandomTokens final : public Dataset {
 public:
  RandomTokens(const RandomTokensOptions& o, int64_t size, const Random& random)
      : o_(o), size_(size), random_(random) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch;
    batch.inputs = Tensor::empty({n, o_.length}, DType::i64, host);
    batch.targets = Tensor::empty({n, o_.length}, DType::i64, host);
    for (int64_t i = 0; i < n; ++i) {
      const Random sample = random_.fork(static_cast<uint64_t>(indices[static_cast<size_t>(i)]));
      const auto token = [&](int64_t t) {
        return sample.integer_at(static_cast<uint64_t>(t), o_.vocabulary);
      };
      for (int64_t t = 0; t < o_.length; ++t) {
        batch.inputs.data<int64_t>()[i * o_.length + t] = token(t);
        batch.targets.data<int64_t>()[i * o_.length + t] = token(t + 1);
      }
    }
    return batch;
  }

 private:
  RandomTokensOptions o_;
  int64_t size_;
  Random random_;
};

DataSource make_random_tokens(const RandomTokensOptions& o, const DataContext& context) {
  const Random random = Random(context.seed).fork("random tokens");
  DataSource source;
  source.task = {.vocabulary = o.vocabulary,
                 .length = o.length,
                 .target = Task::Target::token,
                 .classes = o.vocabulary,
                 .autoregressive = true};
  source.fingerprint =
      str("random_tokens seed=", context.seed, " length=", o.length, " vocabulary=", o.vocabulary,
          " train=", o.train, " validation=", o.validation);
  source.train = std::make_unique<RandomTokens>(o, o.train, random.fork("train"));
  source.val = std::make_unique<RandomTokens>(o, o.validation, random.fork("val"));
  return source;
}

const bool registered = datasets().add<RandomTokensOptions>("random_tokens", &make_random_tokens);

}  // namespace

void RandomTokensOptions::describe(Fields& f) {
  f.optional("length", length, "steps of a sample", positive());
  f.optional("vocabulary", vocabulary, "tokens in all", at_least(2));
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
}

}  // namespace lw
