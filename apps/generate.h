// Generation: a language model continues a prompt, token by token.
#pragma once

#include <functional>

#include "layers/model.h"
#include "layers/weight_format.h"

namespace lw {

/// store_weights in the format of --weights; stderr says so if no parameter is fit for it.
StoredWeights store_weights_as(const std::string& format, const Parameters& parameters);

/// How the next token is drawn from the logits. The default samples from the model's distribution.
struct Sampling {
  double temperature = 1;  ///< 0: the likeliest token
  int64_t top_k = 0;       ///< only the k likeliest; 0: all
  double top_p = 1;        ///< the fewest likeliest tokens that hold this probability together
  double min_p = 0;        ///< only tokens at least min_p times as likely as the likeliest
  /// Logits of tokens seen before are divided by it, or multiplied if they are negative.
  double repetition_penalty = 1;
  uint64_t seed = 0;  ///< draw number t of a generation is a function of the seed and t
};

/// Index of the drawn token. `seen` are the tokens so far; `position` numbers the draw.
int64_t sample_token(std::span<const float> logits, const Sampling& sampling,
                     std::span<const int64_t> seen, int64_t position);

/// Calls `emit` with each of `count` tokens that continue `prompt`; stops early if it returns
/// false. The prompt is read in one pass, then every token costs one step of the recurrence,
/// however long the text is. Throws Error for an empty prompt, a model without recurrence, or a
/// task that is no language model.
void generate(const Model& model, std::span<const int64_t> prompt, int64_t count,
              const Sampling& sampling, const std::function<bool(int64_t token)>& emit);

}  // namespace lw
