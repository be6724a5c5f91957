// longwave eval: a trained model measured on a split.
#include <cstdio>

#include "apps/commands.h"
#include "apps/evaluate.h"
#include "apps/run.h"
#include "core/json.h"

namespace lw {

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
  const Score score = evaluate(*run.model, run.data.task, *split, name,
                               run.config.train.batch / run.config.train.accumulate, ranks());
  if (arguments.json) {
    nlohmann::ordered_json line;
    for (const auto& [name, value] : named(score, run.data.task)) line[name] = value;
    line["split"] = name;
    line["count"] = score.count;
    line["checkpoint"] = run.checkpoint.string();
    std::printf("%s\n", line.dump().c_str());
  } else {
    for (const auto& [name, value] : named(score, run.data.task))
      std::printf("%-16s %.6g\n", name.c_str(), value);
    std::printf("%-16s %lld targets of split %s\n", "count", static_cast<long long>(score.count),
                name.c_str());
  }
  return 0;
}

}  // namespace lw
