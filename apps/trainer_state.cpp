// What of a run is in a checkpoint: the trainer's state, out and in.
#include "apps/trainer.h"
#include "core/config.h"

namespace lw {
namespace {

template <class T>
T attribute(const Attributes& attributes, const std::string& name) {
  const auto found = attributes.find(name);
  if (found == attributes.end() || !std::holds_alternative<T>(found->second))
    throw Error(
        str("checkpoint: error: state.h5 has no attribute `", name, "` of the expected type"),
        ErrorKind::data);
  return std::get<T>(found->second);
}

const Tensor& stored(const std::map<std::string, Tensor>& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  if (found == tensors.end())
    throw Error(str("checkpoint: error: there is no tensor `", name, "`"), ErrorKind::data);
  return found->second;
}

/// Copies a stored tensor over one of the run; both must have one shape.
void restore_tensor(Tensor target, const Tensor& source, const std::string& name) {
  if (source.shape() != target.shape())
    throw Error(str("checkpoint: error: `", name, "` has shape ", source.shape(), ", expected ",
                    target.shape()),
                ErrorKind::data);
  target.copy_from(source);
}

}  // namespace

CheckpointContent Trainer::content() const {
  CheckpointContent c;
  c.step = step_;
  c.config = resolved_config(config_);
  c.data_fingerprint = data_.fingerprint;
  if (data_.vocabulary) c.attributes["vocabulary"] = data_.vocabulary->serialize();
  for (const Parameter& p : model_->parameters())
    c.params[p.name] = {p.value.value(), {{"role", std::string(name_of(p.role))}}};
  for (const Layer::Buffer& b : model_->buffers()) c.buffers[b.name] = {b.value, {}};

  c.optimizer.type = config_.optim.method.kind();
  c.optimizer.attributes["updates"] = optimizer_->updates();
  for (const Optimizer::StateTensor& s : optimizer_->state())
    c.optimizer.tensors[s.parameter][s.name] = s.value;
  if (average_) {
    c.optimizer.attributes["average_updates"] = average_->updates();
    for (const WeightAverage::Average& a : average_->state())
      c.optimizer.tensors[a.parameter]["average"] = a.value;
  }

  c.state["rng"].attributes = {{"seed", config_.seed}, {"scheme", std::string("philox-v1")}};
  c.state["loader"].attributes = {{"next_step", step_}, {"global_batch", config_.train.batch}};
  c.state["monitor"].attributes = {
      {"evaluated", evaluated_},        {"window_loss_sum", window_.loss_sum},
      {"window_count", window_.count},  {"best", best_},
      {"best_step", best_step_},        {"waited", waited_},
      {"stopped_early", stopped_early_}};
  const Schedule::Plateau plateau = schedule_->plateau();
  c.state["schedule"].attributes = {
      {"factor", plateau.factor}, {"best", plateau.best}, {"waited", plateau.waited}};
  return c;
}

void Trainer::load_weights(const Path& checkpoint) {
  std::vector<TensorSpec> expected;
  for (const Parameter& p : model_->parameters())
    expected.push_back({p.name, p.value.shape(), p.value.dtype()});
  const CheckpointContent c = load_checkpoint(checkpoint, {.params = expected, .model_only = true});
  for (const Parameter& p : model_->parameters())
    restore_tensor(p.value.value(), c.params.at(p.name).value, p.name);
  for (const Layer::Buffer& b : model_->buffers())
    if (c.buffers.contains(b.name)) restore_tensor(b.value, c.buffers.at(b.name).value, b.name);
}

void Trainer::restore(const Path& checkpoint) {
  load_weights(checkpoint);
  const CheckpointContent c = load_checkpoint(checkpoint);
  if (c.data_fingerprint != data_.fingerprint)
    throw Error(str(checkpoint.string(),
                    ": error: the data are not those that the run was started with\n  expected  ",
                    c.data_fingerprint, "\n  received  ", data_.fingerprint,
                    "\n  --init-from starts a new run from the weights"),
                ErrorKind::data);
  if (c.optimizer.type != config_.optim.method.kind())
    throw Error(str(checkpoint.string(), ": error: the run was trained with optim.kind=",
                    c.optimizer.type, ", not ", config_.optim.method.kind()));
  const auto optimizer_tensor = [&](const std::string& parameter, const std::string& name) {
    const auto found = c.optimizer.tensors.find(parameter);
    static const std::map<std::string, Tensor> none;
    return stored(found == c.optimizer.tensors.end() ? none : found->second, name);
  };
  for (const Optimizer::StateTensor& s : optimizer_->state())
    restore_tensor(s.value, optimizer_tensor(s.parameter, s.name), s.parameter + "/" + s.name);
  optimizer_->set_updates(attribute<int64_t>(c.optimizer.attributes, "updates"));
  if (average_) {
    for (const WeightAverage::Average& a : average_->state())
      restore_tensor(a.value, optimizer_tensor(a.parameter, "average"), a.parameter + "/average");
    average_->set_updates(attribute<int64_t>(c.optimizer.attributes, "average_updates"));
  }

  const auto group = [&](const std::string& name) -> const Attributes& {
    const auto found = c.state.find(name);
    if (found == c.state.end())
      throw Error(str(checkpoint.string(), ": error: state.h5 has no group `", name, "`"),
                  ErrorKind::data);
    return found->second.attributes;
  };
  const Attributes& monitor = group("monitor");
  step_ = c.step;
  evaluated_ = attribute<bool>(monitor, "evaluated");
  window_ = {.loss_sum = attribute<double>(monitor, "window_loss_sum"),
             .count = attribute<int64_t>(monitor, "window_count")};
  best_ = attribute<double>(monitor, "best");
  best_step_ = attribute<int64_t>(monitor, "best_step");
  waited_ = attribute<int64_t>(monitor, "waited");
  stopped_early_ = attribute<bool>(monitor, "stopped_early");
  const Attributes& schedule = group("schedule");
  schedule_->restore({.factor = attribute<double>(schedule, "factor"),
                      .best = attribute<double>(schedule, "best"),
                      .waited = attribute<int64_t>(schedule, "waited")});
  saved_step_ = step_;
}

}  // namespace lw
