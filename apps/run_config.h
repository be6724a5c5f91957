// RunConfig: everything that a run is, as its YAML file describes it.
//
//   name: mnist-s4d          seed, device, precision
//   data:  {kind: mnist, ...}            data/        which samples
//   model: {layer: s4d, d_model: 64}     layers/      which model
//   optim: {kind: adamw, lr: 0.01}       optim/       how it is trained
//   train: {epochs: 4, batch: 32}        here         how long, and what is written meanwhile
//   eval:  {rate: [0.5, 1]}              here         how it is measured in the end
#pragma once

#include "data/dataset.h"
#include "layers/model.h"
#include "optim/options.h"

namespace lw {

struct DataOptions {
  Datasets::Choice kind{datasets()};
  std::string root;

  void describe(Fields& f);
};

struct TrainOptions {
  std::optional<int64_t> steps;
  std::optional<double> epochs;
  int64_t batch = 32;
  int64_t accumulate = 1;
  int64_t log_every = 10;
  int64_t eval_every = 0;
  int64_t checkpoint_every = 0;
  int64_t keep_last = 2;
  std::string monitor = "loss";
  int64_t patience = 0;

  void describe(Fields& f);
};

/// How a trained model is measured.
struct EvalOptions {
  std::vector<double> rate = {1};

  void describe(Fields& f);
};

/// What a language model writes while it trains, and at the end of the run.
struct SampleOptions {
  int64_t every = 0;
  std::string prompt = "\n";
  int64_t tokens = 200;
  double temperature = 0.8;

  void describe(Fields& f);
};

struct RunConfig {
  std::string name = "run";
  int64_t seed = 0;
  std::string device = "cpu";
  std::string precision = "f32";
  DataOptions data;
  ModelOptions model;
  OptimOptions optim;
  TrainOptions train;
  EvalOptions eval;
  SampleOptions sample;

  void describe(Fields& f);
};

/// The steps of the run: train.steps, or train.epochs in steps. Throws Error if neither is given.
int64_t total_steps(const TrainOptions& train, int64_t steps_per_epoch);

/// The data that the config names.
DataSource open_data(const RunConfig& config);

/// Refuses a prompt that the vocabulary cannot spell.
void check_prompt(const SampleOptions& sample, const Vocabulary& vocabulary);

/// The model that the config describes, for the task that the data poses.
std::unique_ptr<Model> make_model(const RunConfig& config, const Task& task);

}  // namespace lw
