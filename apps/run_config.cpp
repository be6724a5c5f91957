#include "apps/run_config.h"

#include <cmath>

namespace lw {

void DataOptions::describe(Fields& f) {
  f.choice("kind", kind, "which dataset; its own options stand beside it");
  f.optional("root", root,
             "folder of the files: in a config relative to that file, on the command line to the "
             "working folder; empty: the dataset's folder below $LONGWAVE_DATA");
}

void TrainOptions::describe(Fields& f) {
  f.optional("steps", steps, "updates of the weights", positive());
  f.optional("epochs", epochs,
             "passes over the training split, instead of steps; of the two the one given later "
             "holds, and within one file or one command line steps",
             positive());
  f.optional("batch", batch, "sequences of an update, over all ranks and micro-batches",
             positive());
  f.optional("accumulate", accumulate, "micro-batches that a batch is cut into", positive());
  f.optional("log_every", log_every, "steps between lines of metrics.jsonl", positive());
  f.optional(
      "eval_every", eval_every,
      "steps between evaluations, on the validation split or, for want of one, the test split; "
      "0: once an epoch where train.epochs is the length, and at the end",
      non_negative());
  f.optional("checkpoint_every", checkpoint_every, "steps between checkpoints; 0: only at the end",
             non_negative());
  f.optional("keep_last", keep_last,
             "checkpoints to keep, beside the best; 0: all. The last two are always kept",
             non_negative());
  f.optional(
      "monitor", monitor,
      "what decides on the validation split which checkpoint is best; without such a split none is",
      one_of({"loss", "accuracy"}));
  f.optional(
      "patience", patience,
      "evaluations of the validation split without improvement after which training stops; 0: "
      "never",
      non_negative());
}

void EvalOptions::describe(Fields& f) {
  f.optional("rate", rate,
             "sampling rates that `longwave eval` measures signals at, relative to training",
             between(1. / 64, 64));
}

void SampleOptions::describe(Fields& f) {
  f.optional("every", every, "steps between samples of text; 0: only at the end", non_negative());
  f.optional("prompt", prompt, "text that a sample continues", non_empty());
  f.optional("tokens", tokens, "tokens of a sample", non_negative());
  f.optional("temperature", temperature,
             "0 takes the likeliest token; 1 samples as the model believes", non_negative());
}

void RunConfig::describe(Fields& f) {
  f.optional("name", name, "names the folder of the run", non_empty());
  f.optional("seed", seed, "of initial weights, sample order, dropout and generated data",
             non_negative());
  f.optional("device", device, "where to compute", one_of({"cpu", "cuda"}));
  f.optional("precision", precision,
             "f32, or bf16: inputs of matrix products in bf16, everything else in f32",
             one_of({"f32", "bf16"}));
  f.section("data", data, "the samples");
  f.section("model", model, "the model");
  f.section("optim", optim, "the optimizer");
  f.section("train", train, "the training run");
  f.section("eval", eval, "how the trained model is measured");
  f.section("sample", sample, "text written by a language model on the way");
}

int64_t total_steps(const TrainOptions& train, int64_t steps_per_epoch) {
  if (train.steps) return *train.steps;
  check(train.epochs.has_value(),
        "train: neither `steps` nor `epochs` is given\n  say how long to train, for example "
        "train.steps=1000");
  const double steps = *train.epochs * static_cast<double>(steps_per_epoch);
  check(steps < 1e18, "train.epochs is ", *train.epochs, ": too many steps to be counted");
  return std::max<int64_t>(1, std::llround(steps));
}

DataSource open_data(const RunConfig& config) {
  return config.data.kind.build(
      {.root = config.data.root, .seed = static_cast<uint64_t>(config.seed)});
}

void check_prompt(const SampleOptions& sample, const Vocabulary& vocabulary) {
  try {
    vocabulary.encode(sample.prompt);
  } catch (const Error& error) {
    throw Error(str("sample.prompt: ", error.what(),
                    "\n  take another prompt, or sample.tokens=0 for no samples"));
  }
}

std::unique_ptr<Model> make_model(const RunConfig& config, const Task& task) {
  const ModelPorts ports{.vocabulary = task.vocabulary,
                         .features = task.features,
                         .outputs = task.classes,
                         .every_step = task.target != Task::Target::label};
  return std::make_unique<Model>(config.model, ports,
                                 Random(static_cast<uint64_t>(config.seed)).fork("model"));
}

}  // namespace lw
