// A trained run as the commands see it: its config, its data and its model with the weights loaded.
#pragma once

#include <memory>

#include "apps/checkpoint.h"
#include "apps/commands.h"
#include "apps/run_config.h"
#include "core/files.h"

namespace lw {

/// Reads a config file with overrides. A relative data.root is relative to the file that gives it; that of an
/// override to the working folder.
RunConfig load_config(const Path& file, const Overrides& overrides,
                      std::string* resolved = nullptr);

/// Reads the config that a checkpoint holds, with overrides.
RunConfig config_of_checkpoint(const Path& checkpoint, const Overrides& overrides,
                               std::string* resolved = nullptr);

/// The config as a checkpoint holds it, the same on every machine: without data.root, which is the attribute
/// `data_root` beside it.
std::string portable_config(RunConfig config);

/// What a checkpoint of this model must hold.
std::vector<TensorSpec> parameter_specs(const Model& model);

/// Copies the weights of a checkpoint of this model: the averaged ones, if they were kept and loaded.
void load_weights(const Model& model, const CheckpointContent& content);

/// Refuses a model in which the weights of the checkpoint would mean something else: those of S4 and DSS are of one
/// model.l_max.
void check_length(const Path& checkpoint, const CheckpointContent& content,
                  const RunConfig& config);

/// Refuses data whose tokens are not those that the checkpoint's model was trained on. `remedy` ends the message.
void check_vocabulary(const Path& checkpoint, const Attributes& attributes, const DataSource& data,
                      const std::string& remedy);

/// Whether the text that a language model was trained on is opened too.
enum class Corpus { read, unread };

/// The device called cpu or cuda. Throws Error for one that this build or machine does not have.
Device device_of(const std::string& name);

/// A model with its weights, and the data it was trained on. While it lives, its device is the
/// default of the thread that opened it.
struct TrainedRun {
  Path checkpoint;
  RunConfig config;
  DataSource data;
  std::unique_ptr<DeviceScope> device;
  std::unique_ptr<Model> model;
};

/// Opens the newest good checkpoint of a run, or the one given. Averaged weights, if the run kept them, are
/// the ones loaded; with optim.ema=0 among the overrides, the last ones. With Corpus::unread a language model is
/// opened without its text: `data` is its task and its vocabulary, which the checkpoint holds. Throws Error (data)
/// if there is no checkpoint.
TrainedRun open_run(const Path& run_or_checkpoint, const Overrides& overrides,
                    Corpus corpus = Corpus::read);
}  // namespace lw
