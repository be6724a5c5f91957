#include "apps/generate.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <ranges>

#include "autograd/fixed_weights.h"
#include "autograd/ops/softmax.h"
#include "core/random.h"

namespace lw {

namespace {

/// The first token at which the sum of the probabilities, taken in this order, passes `share`.
/// `otherwise`, if rounding keeps the sum below it.
template <class Tokens, class Probability>
int64_t draw(const Tokens& tokens, Probability&& probability, double share, int64_t otherwise) {
  for (const int64_t token : tokens) {
    share -= static_cast<double>(probability(token));
    if (share < 0) return token;
  }
  return otherwise;
}

/// The tokens that `s` keeps, by falling probability, equal ones by number, and their probability
/// together. A heap gives them one after the other: a few of many cost no sorting of all.
std::pair<std::vector<int64_t>, double> likeliest(std::span<const float> probability,
                                                  const Sampling& s) {
  const auto of = [&](int64_t token) { return probability[static_cast<size_t>(token)]; };
  const auto later = [&](int64_t a, int64_t b) { return of(a) != of(b) ? of(a) < of(b) : a > b; };
  std::vector<int64_t> heap(probability.size()), kept;
  std::iota(heap.begin(), heap.end(), 0);
  std::make_heap(heap.begin(), heap.end(), later);
  const double least = s.min_p * static_cast<double>(of(heap.front()));
  double mass = 0;
  for (; !heap.empty(); heap.pop_back()) {
    const int64_t token = heap.front();
    const bool full = s.top_k > 0 && kept.size() == static_cast<size_t>(s.top_k);
    const bool enough = full || mass >= s.top_p || static_cast<double>(of(token)) < least;
    if (enough && !kept.empty()) break;
    kept.push_back(token);
    mass += static_cast<double>(of(token));
    std::pop_heap(heap.begin(), heap.end(), later);
  }
  return {std::move(kept), mass};
}

}  // namespace

StoredWeights store_weights_as(const std::string& format, const Parameters& parameters) {
  const StoredWeights stored = store_weights(parameters, weight_format(format));
  if (stored.stored == 0 && weight_format(format) != WeightFormat::f32)
    std::fprintf(stderr,
                 "--weights %s: no matrix of this model has rows of 32 elements; all weights stay "
                 "f32\n",
                 format.c_str());
  return stored;
}

int64_t sample_token(std::span<const float> logits, const Sampling& s,
                     std::span<const int64_t> seen, int64_t position) {
  const DeviceScope on_host(host);
  const auto vocabulary = static_cast<int64_t>(logits.size());
  Tensor scores = Tensor::from({1, vocabulary}, logits);
  const std::span score(scores.data<float>(), logits.size());
  if (s.repetition_penalty != 1) {
    const auto penalty = static_cast<float>(s.repetition_penalty);
    std::vector<bool> done(score.size());
    for (const int64_t token : seen) {
      const auto i = static_cast<size_t>(token);
      if (done[i]) continue;
      done[i] = true;
      score[i] = score[i] > 0 ? score[i] / penalty : score[i] * penalty;
    }
  }
  const int64_t best = std::max_element(score.begin(), score.end()) - score.begin();
  if (s.temperature == 0) return best;

  // Scores relative to the largest keep their digits when they are divided by a small temperature.
  const float largest = score[static_cast<size_t>(best)];
  for (float& x : score) x = static_cast<float>((x - largest) / s.temperature);
  const NoGrad no_grad;
  const Tensor probabilities = softmax(scores).value();
  const std::span<const float> probability(probabilities.data<float>(), logits.size());
  const auto of = [&](int64_t token) { return probability[static_cast<size_t>(token)]; };
  const double share = Random(s.seed).fork("sampling").uniform_at(static_cast<uint64_t>(position));
  if (s.top_k == 0 && s.top_p >= 1 && s.min_p == 0)
    return draw(std::views::iota(int64_t{0}, vocabulary), of, share, best);
  const auto [kept, mass] = likeliest(probability, s);
  return draw(kept, of, share * mass, best);
}

void generate(const Model& model, std::span<const int64_t> prompt, int64_t count,
              const Sampling& sampling, const std::function<bool(int64_t)>& emit) {
  check(!prompt.empty(),
        "generate: the prompt is empty; give at least one character with --prompt");
  check(model.causal(),
        "generate: this model is bidirectional; it reads whole sequences and cannot continue one");
  check(model.ports().every_step && model.ports().vocabulary == model.ports().outputs,
        "generate: this model is not a language model: it does not predict the next token");
  const NoGrad no_grad;
  const FixedWeights fixed;
  std::vector<int64_t> tokens(prompt.begin(), prompt.end());
  ModelState state;
  Tensor input = Tensor::from({1, static_cast<int64_t>(tokens.size())}, tokens);
  for (int64_t position = 0; position < count; ++position) {
    Model::Result result = model.forward(input, state, {.mode = Mode::scan, .keep_state = true});
    state = std::move(result.state);
    const Tensor last =
        result.y.value().select(1, result.y.size(1) - 1).to(host).contiguous();  // [1, vocabulary]
    const int64_t token = sample_token({last.data<float>(), static_cast<size_t>(last.numel())},
                                       sampling, tokens, position);
    tokens.push_back(token);
    if (!emit(token)) return;
    input = Tensor::from({1, 1}, std::vector<int64_t>{token});
  }
}

}  // namespace lw
