#include "data/delay.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace lw {
namespace {

class Delay final : public Dataset {
 public:
  Delay(const DelayOptions& o, int64_t size, const Random& random)
      : o_(o), size_(size), random_(random) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch;
    batch.inputs = Tensor::empty({n, o_.length, 1}, DType::f32, host);
    batch.targets = Tensor::zeros({n, o_.length, 1}, DType::f32, host);
    for (int64_t i = 0; i < n; ++i) {
      float* input = batch.inputs.data<float>() + i * o_.length;
      write_signal(random_.fork(static_cast<uint64_t>(indices[static_cast<size_t>(i)])), input);
      std::copy_n(input, o_.length - o_.lag, batch.targets.data<float>() + i * o_.length + o_.lag);
    }
    return batch;
  }

 private:
  /// sqrt(2 / K) sum_{k=1}^{K} cos(2 pi k t / T + phase_k)
  void write_signal(const Random& sample, float* signal) const {
    const auto length = static_cast<double>(o_.length);
    const auto tones = std::max<int64_t>(1, static_cast<int64_t>(o_.bandwidth * length / 2));
    std::vector<double> sum(static_cast<size_t>(o_.length));
    for (int64_t k = 1; k <= tones; ++k) {
      const double turn = 2 * std::numbers::pi;
      const double phase = turn * sample.uniform_at(static_cast<uint64_t>(k));
      std::complex<double> tone = std::polar(1., phase);
      const std::complex<double> step = std::polar(1., turn * static_cast<double>(k) / length);
      for (double& s : sum) s += tone.real(), tone *= step;
    }
    const double scale = std::sqrt(2 / static_cast<double>(tones));
    std::transform(sum.begin(), sum.end(), signal,
                   [&](double s) { return static_cast<float>(scale * s); });
  }

  DelayOptions o_;
  int64_t size_;
  Random random_;
};

DataSource make_delay(const DelayOptions& o, const DataContext& context) {
  check(o.lag < o.length, "data.lag is ", o.lag, ", but a sample has ", o.length,
        " steps, and nothing would be asked");
  const Random random = Random(context.seed).fork("delay");
  DataSource source;
  source.task = {.features = 1,
                 .length = o.length,
                 .target = Task::Target::value,
                 .classes = 1,
                 .horizon = o.length};
  source.fingerprint =
      str("delay seed=", context.seed, " length=", o.length, " lag=", o.lag,
          " bandwidth=", o.bandwidth, " train=", o.train, " validation=", o.validation);
  source.train = std::make_unique<Delay>(o, o.train, random.fork("train"));
  source.val = std::make_unique<Delay>(o, o.validation, random.fork("val"));
  source.test = std::make_unique<Delay>(o, o.test, random.fork("test"));
  return source;
}

const bool registered = datasets().add<DelayOptions>("delay", &make_delay);

}  // namespace

void DelayOptions::describe(Fields& f) {
  f.optional("length", length, "steps of a sample", at_least(2));
  f.optional("lag", lag, "steps between an input and its target", non_negative());
  f.optional("bandwidth", bandwidth,
             "share of all frequencies that the signal has, from the lowest; 1 is white noise",
             between(0, 1));
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
  f.optional("test", test, "samples of the test split", positive());
}

}  // namespace lw
