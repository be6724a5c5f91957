// longwave eval: a trained model measured on a split.
#include <cstdio>

#include "apps/commands.h"
#include "apps/evaluate.h"
#include "apps/output.h"
#include "apps/run.h"
#include "data/resampled.h"

namespace lw {

namespace {

void print_score(const Score& score, const TrainedRun& run, const std::string& split, double rate,
                 bool json) {
  const bool alone = run.config.eval.rate == std::vector<double>{1};
  if (json) {
    nlohmann::ordered_json line;
    for (const auto& [name, value] : named(score, run.data.task)) line[name] = value;
    line["split"] = split;
    line["count"] = score.count;
    if (!alone) line["rate"] = rate;
    line["checkpoint"] = run.checkpoint.string();
    return print_json(line);
  }
  if (!alone) std::printf("%-16s %g\n", "rate", rate);
  for (const auto& [name, value] : named(score, run.data.task))
    std::printf("%-16s %.6g\n", name.c_str(), value);
  std::printf("%-16s %lld targets of split %s\n", "count", static_cast<long long>(score.count),
              split.c_str());
}

/// Refuses other rates for a model that has no continuous time, before anything is computed.
void check_rates(const TrainedRun& run) {
  check(!run.config.eval.rate.empty(), "eval.rate: expected at least one rate");
  for (const double rate : run.config.eval.rate)
    check(rate == 1 || run.model->continuous(), "eval.rate: ", rate,
          " was asked for, but layers of kind ", run.config.model.layer.kind(),
          " have no continuous time\n  use eval.rate=[1]");
}

}  // namespace

int eval_command(const EvalArguments& arguments) {
  const TrainedRun run = open_run(arguments.run, arguments.overrides);
  const std::string name = !arguments.split.empty() ? arguments.split
                           : run.data.test          ? "test"
                                                    : "val";
  const Dataset* split = name == "train" ? run.data.train.get()
                         : name == "val" ? run.data.val.get()
                                         : run.data.test.get();
  check(split != nullptr || !arguments.split.empty(),
        "this dataset has neither a test nor a val split; --split train measures the training "
        "samples");
  check(split != nullptr, "--split ", name, ": this dataset has no such split",
        name == "test" && run.data.val ? "; try --split val" : "");
  check_rates(run);
  for (const double rate : run.config.eval.rate) {
    const std::unique_ptr<Dataset> sampled =
        rate == 1 ? nullptr : at_rate(*split, run.data.task, rate);
    const Score score =
        evaluate(*run.model, run.data.task, sampled ? *sampled : *split, name,
                 run.config.train.batch / run.config.train.accumulate, ranks(), rate);
    print_score(score, run, name, rate, arguments.json);
  }
  return 0;
}

}  // namespace lw
