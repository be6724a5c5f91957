#include "data/adding.h"

namespace lw {
namespace {

class Adding final : public Dataset {
 public:
  Adding(int64_t length, int64_t size, const Random& random)
      : length_(length), size_(size), random_(random) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch;
    batch.inputs = Tensor::zeros({n, length_, 2}, DType::f32, host);
    batch.targets = Tensor::empty({n, 1, 1}, DType::f32, host);
    for (int64_t i = 0; i < n; ++i) {
      const Random sample = random_.fork(static_cast<uint64_t>(indices[static_cast<size_t>(i)]));
      float* input = batch.inputs.data<float>() + i * length_ * 2;
      for (int64_t t = 0; t < length_; ++t)
        input[2 * t] = static_cast<float>(sample.uniform_at(static_cast<uint64_t>(t)));
      const Random places = sample.fork("place");
      const int64_t half = length_ / 2, first = places.integer_at(0, half),
                    second = half + places.integer_at(1, length_ - half);
      input[2 * first + 1] = input[2 * second + 1] = 1;
      batch.targets.data<float>()[i] = input[2 * first] + input[2 * second];
    }
    return batch;
  }

 private:
  int64_t length_, size_;
  Random random_;
};

DataSource make_adding(const AddingOptions& o, const DataContext& context) {
  const Random random = Random(context.seed).fork("adding");
  DataSource source;
  source.task = {
      .features = 2, .length = o.length, .target = Task::Target::value, .classes = 1, .horizon = 1};
  source.fingerprint = str("adding seed=", context.seed, " length=", o.length, " train=", o.train,
                           " validation=", o.validation);
  source.train = std::make_unique<Adding>(o.length, o.train, random.fork("train"));
  source.val = std::make_unique<Adding>(o.length, o.validation, random.fork("val"));
  source.test = std::make_unique<Adding>(o.length, o.test, random.fork("test"));
  return source;
}

const bool registered = datasets().add<AddingOptions>("adding", &make_adding);

}  // namespace

void AddingOptions::describe(Fields& f) {
  f.optional("length", length, "steps of a sample", at_least(2));
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
  f.optional("test", test, "samples of the test split", positive());
}

}  // namespace lw
