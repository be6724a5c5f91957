// longwave generate: a language model continues a text, on stdout.
#include <cstdio>

#include "apps/commands.h"
#include "apps/generate.h"
#include "apps/output.h"
#include "apps/run.h"
#include "apps/signals.h"

namespace lw {

int generate_command(const GenerateArguments& a) {
  const TrainedRun run = open_run(a.run, a.overrides, Corpus::unread);
  check(run.data.vocabulary != nullptr && run.data.task.autoregressive, "generate: ", a.run,
        " is no language model");
  const StoredWeights stored = store_weights_as(a.weights, run.model->parameters());
  const Sampling sampling{.temperature = a.temperature,
                          .top_k = a.top_k,
                          .top_p = a.top_p,
                          .min_p = a.min_p,
                          .repetition_penalty = a.repetition_penalty,
                          .seed = static_cast<uint64_t>(a.seed)};
  std::vector<int64_t> prompt, tokens;
  try {
    prompt = run.data.vocabulary->encode(a.prompt);
  } catch (const Error& error) {
    throw Error(str("--prompt: ", error.what()));
  }
  generate(*run.model, prompt, a.max_tokens, sampling, [&](int64_t token) {
    throw_if_stop_requested();
    tokens.push_back(token);
    if (!a.json) {
      const int64_t last[] = {token};
      const std::string text = run.data.vocabulary->decode(last);
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    }
    return true;
  });
  if (a.json) {
    print_json({{"prompt", a.prompt},
                {"text", run.data.vocabulary->decode(tokens)},
                {"tokens", tokens.size()},
                {"weights", a.weights},
                {"weights_stored", stored.stored},
                {"weights_error", stored.error},
                {"worst_weight", stored.worst}});
  } else {
    std::fputc('\n', stdout);
  }
  return 0;
}

}  // namespace lw
