#include "data/tones.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace lw {
namespace {

constexpr int tones = 3, hum = 100;  // hum: cycles of the fastest noise
constexpr double turn = 2 * std::numbers::pi;

/// A word as a function of time.
class Word {
 public:
  Word(const Random& draws, int64_t word, double noise) : draws_(draws), noise_(noise) {
    double total = 0;
    for (int i = 0; i < tones; ++i) total += shares_[i] = 1 + draw("share", i, 1. / 3);
    for (int i = 0; i < tones; ++i) {
      shares_[i] /= total;
      const bool high = word >> (tones - 1 - i) & 1;
      frequency_[i] = high ? 75 + draw("frequency", i, 15) : 30 + draw("frequency", i, 10);
      glide_[i] = draw("glide", i, 0.1);
    }
    const Random phases = draws_.fork("noise");
    for (int k = 0; k < hum; ++k) phases_[k] = turn * phases.uniform_at(static_cast<uint64_t>(k));
    start_ = turn * draws_.fork("start").uniform_at(0);
  }

  /// Its values at times 0, 1 / rate, 2 / rate, ...
  std::vector<float> sampled(int64_t samples, double rate) const {
    std::vector<double> sum(static_cast<size_t>(samples));
    for (int64_t t = 0; t < samples; ++t)
      sum[static_cast<size_t>(t)] = spoken(static_cast<double>(t) / rate);
    const double scale = noise_ * std::sqrt(2. / hum);
    for (int k = 0; k < hum; ++k) {
      std::complex<double> wave = std::polar(scale, phases_[k]);
      const std::complex<double> step = std::polar(1., turn * (k + 1) / rate);
      for (double& s : sum) s += wave.real(), wave *= step;
    }
    return {sum.begin(), sum.end()};
  }

 private:
  double spoken(double time) const {
    double begin = 0, phase = start_;
    for (int i = 0;; ++i) {
      const double end = begin + shares_[i], within = std::min(time, end) - begin;
      // The frequency runs from f (1 - g) to f (1 + g) over the tone.
      const double part = within / shares_[i];
      phase += turn * frequency_[i] * within * (1 + glide_[i] * (part - 1));
      if (time < end || i + 1 == tones) return std::sin(std::numbers::pi * part) * std::sin(phase);
      begin = end;
    }
  }

  /// Uniform within [-spread, spread).
  double draw(const char* name, int i, double spread) const {
    return spread * (2 * draws_.fork(name).uniform_at(static_cast<uint64_t>(i)) - 1);
  }

  Random draws_;
  double noise_, start_, shares_[tones], frequency_[tones], glide_[tones], phases_[hum];
};

class Tones final : public Dataset {
 public:
  Tones(const TonesOptions& o, int64_t size, const Random& random)
      : o_(o), size_(size), random_(random) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    const int64_t steps = steps_of(o_);
    Batch batch;
    batch.inputs = Tensor::empty({n, steps, 1}, DType::f32, host);
    batch.targets = Tensor::empty({n}, DType::i64, host);
    for (int64_t i = 0; i < n; ++i) {
      const Random sample = random_.fork(static_cast<uint64_t>(indices[static_cast<size_t>(i)]));
      const int64_t word = sample.integer_at(0, 1 << tones);
      const std::vector<float> signal =
          Word(sample, word, o_.noise).sampled(steps, o_.rate * static_cast<double>(o_.length));
      std::copy(signal.begin(), signal.end(), batch.inputs.data<float>() + i * steps);
      batch.targets.data<int64_t>()[i] = word;
    }
    return batch;
  }

  std::unique_ptr<Dataset> at_rate(double rate) const override {
    TonesOptions other = o_;
    other.rate *= rate;
    return std::make_unique<Tones>(other, size_, random_);
  }

  static int64_t steps_of(const TonesOptions& o) {
    return std::max<int64_t>(1, std::llround(o.rate * static_cast<double>(o.length)));
  }

 private:
  TonesOptions o_;
  int64_t size_;
  Random random_;
};

DataSource make_tones(const TonesOptions& o, const DataContext& context) {
  const Random random = Random(context.seed).fork("tones");
  DataSource source;
  source.task = {.features = 1,
                 .length = Tones::steps_of(o),
                 .target = Task::Target::label,
                 .classes = 1 << tones};
  source.fingerprint = str("tones seed=", context.seed, " length=", o.length, " rate=", o.rate,
                           " noise=", o.noise, " train=", o.train, " validation=", o.validation);
  source.train = std::make_unique<Tones>(o, o.train, random.fork("train"));
  source.val = std::make_unique<Tones>(o, o.validation, random.fork("val"));
  source.test = std::make_unique<Tones>(o, o.test, random.fork("test"));
  return source;
}

const bool registered = datasets().add<TonesOptions>("tones", &make_tones);

}  // namespace

void TonesOptions::describe(Fields& f) {
  f.optional("length", length, "samples of a word at rate 1; above 200, so that all can be heard",
             at_least(200));
  f.optional("rate", rate, "samples in place of one", positive());
  f.optional("noise", noise, "standard deviation of the noise", non_negative());
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
  f.optional("test", test, "samples of the test split", positive());
}

}  // namespace lw
