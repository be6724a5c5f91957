#include "apps/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lw {

int64_t sample_token(std::span<const float> logits, const Sampling& s,
                     std::span<const int64_t> seen, int64_t position) {
  std::vector<double> score(logits.begin(), logits.end());
  if (s.repetition_penalty != 1) {
    std::vector<bool> done(score.size());
    for (const int64_t token : seen) {
      const auto i = static_cast<size_t>(token);
      if (done[i]) continue;
      done[i] = true;
      score[i] = score[i] > 0 ? score[i] / s.repetition_penalty : score[i] * s.repetition_penalty;
    }
  }
  if (s.temperature == 0) return std::max_element(score.begin(), score.end()) - score.begin();

  // Tokens by falling probability; equal ones by number.
  std::vector<int64_t> order(score.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return score[a] > score[b]; });
  std::vector<double> weight;
  double total = 0;
  for (const int64_t token : order) {
    weight.push_back(std::exp((score[token] - score[order[0]]) / s.temperature));
    total += weight.back();
  }
  size_t kept = order.size();
  if (s.top_k > 0) kept = std::min(kept, static_cast<size_t>(s.top_k));
  double mass = 0;
  for (size_t i = 0; i < kept; ++i) {
    if (i > 0 && (mass >= s.top_p * total || weight[i] < s.min_p * weight[0])) kept = i;
    if (i < kept) mass += weight[i];
  }
  double left = Random(s.seed).fork("sampling").uniform_at(static_cast<uint64_t>(position)) * mass;
  for (size_t i = 0; i < kept; ++i) {
    left -= weight[i];
    if (left < 0) return order[i];
  }
  return order[kept - 1];
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
  std::vector<int64_t> tokens(prompt.begin(), prompt.end());
  ModelState state;
  Tensor input = Tensor::from({1, static_cast<int64_t>(tokens.size())}, tokens);
  for (int64_t position = 0; position < count; ++position) {
    Model::Result result = model.forward(input, state, {.mode = Mode::scan, .keep_state = true});
    state = std::move(result.state);
    const Tensor last =
        result.y.value().select(1, result.y.size(1) - 1).contiguous();  // [1, vocabulary]
    const int64_t token = sample_token({last.data<float>(), static_cast<size_t>(last.numel())},
                                       sampling, tokens, position);
    tokens.push_back(token);
    if (!emit(token)) return;
    input = Tensor::from({1, 1}, std::vector<int64_t>{token});
  }
}

}  // namespace lw
