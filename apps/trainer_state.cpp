// What of a run is in a checkpoint: the trainer's state, out and in.
#include <algorithm>
#include <cmath>
#include <span>

#include "apps/run.h"
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

/// What the optimizer kept as `name` for a parameter. Every file of the checkpoint is whole: what is not there was
/// never kept, and other options of optim ask for it.
const Tensor& kept(const OptimizerState& optimizer, const std::string& parameter,
                   const std::string& name, const Path& checkpoint) {
  const auto slots = optimizer.tensors.find(parameter);
  const bool found = slots != optimizer.tensors.end() && slots->second.contains(name);
  check(found, checkpoint.string(), ": error: the optimizer kept no `", name,
        "`, which these options of optim need\n  --init-from starts a new run from the weights");
  return slots->second.at(name);
}

/// Where in the data a step begins.
std::string place_of_step(int64_t step, int64_t batch, int64_t samples) {
  const int64_t steps = std::max<int64_t>(1, samples / std::max<int64_t>(1, batch));
  return str("sample ", step % steps * batch, " of epoch ", step / steps);
}

/// Copies a stored tensor over one of the run; both must have one shape.
void restore_tensor(Tensor target, const Tensor& source, const std::string& name) {
  if (source.shape() != target.shape())
    throw Error(str("checkpoint: error: `", name, "` has shape ", source.shape(), ", expected ",
                    target.shape()),
                ErrorKind::data);
  target.copy_from(source);
}

/// Refuses NaN and infinities: a checkpoint that holds them is worth less than the one before it.
void check_finite(const Tensor& tensor, const std::string& name) {
  const auto check_all = [&]<class T>(std::span<const T> values) {
    for (const T value : values)
      if (!std::isfinite(value))
        throw Error(str(name,
                        " holds a value that is not finite; nothing of this step is saved\n  a "
                        "lower optim.lr or a longer warm-up may help"),
                    ErrorKind::diverged);
  };
  const Tensor all = tensor.to(host).contiguous();
  const auto count = static_cast<size_t>(all.numel());
  if (all.dtype() == DType::f32) check_all(std::span<const float>(all.data<float>(), count));
  if (all.dtype() == DType::f64) check_all(std::span<const double>(all.data<double>(), count));
}

void check_finite(const CheckpointContent& c) {
  const std::string step = str("step ", c.step, ": ");
  for (const auto& [name, tensor] : c.params) check_finite(tensor.value, step + name);
  for (const auto& [name, tensor] : c.buffers) check_finite(tensor.value, step + name);
  for (const auto& [name, slots] : c.optimizer.tensors)
    for (const auto& [slot, tensor] : slots) check_finite(tensor, str(step, name, "/", slot));
}

}  // namespace

CheckpointContent Trainer::content() const {
  CheckpointContent c;
  c.step = step_;
  c.config = portable_config(config_);
  c.attributes["data_root"] = config_.data.root;
  c.data_fingerprint = data_.fingerprint;
  if (data_.vocabulary) c.attributes["vocabulary"] = data_.vocabulary->serialize();
  for (const Parameter& p : model_->parameters())
    c.params[p.name] = {p.value.value(), {{"role", std::string(name_of(p.role))}}};
  for (const Layer::Buffer& b : model_->buffers()) c.buffers[b.name] = {b.value, {}};

  c.optimizer.type = config_.optim.method.kind();
  c.optimizer.attributes["updates"] = optimizer_->updates();
  for (const FlatParameters::Group& group : optimizer_->parameters().groups()) {
    const RoleSettings& settings = optimizer_->settings(group.role);
    Attributes& attributes = c.optimizer.groups.emplace_back();
    attributes["role"] = std::string(name_of(group.role));
    attributes["lr"] = settings.lr, attributes["weight_decay"] = settings.weight_decay;
    for (const auto& [name, value] : optimizer_->constants()) attributes[name] = value;
  }
  for (const Optimizer::StateTensor& s : optimizer_->state())
    c.optimizer.tensors[s.parameter][s.name] = s.value;
  if (average_) {
    c.optimizer.attributes["average_updates"] = average_->updates();
    for (const WeightAverage::Average& a : average_->state())
      c.optimizer.tensors[a.parameter]["average"] = a.value;
  }

  c.state["rng"].attributes = {{"seed", config_.seed}, {"scheme", std::string("philox-v1")}};
  c.state["loader"].attributes = {{"next_step", step_}, {"global_batch", config_.train.batch}};
  c.state["monitor"].attributes = {{"evaluated", evaluated_},
                                   {"sampled", sampled_},
                                   {"window_loss_sum", window_.loss_sum},
                                   {"window_count", window_.count},
                                   {"best", best_},
                                   {"best_step", best_step_},
                                   {"waited", waited_}};
  const Schedule::Plateau plateau = schedule_->plateau();
  c.state["schedule"].attributes = {
      {"factor", plateau.factor}, {"best", plateau.best}, {"waited", plateau.waited}};
  check_finite(c);
  return c;
}

void Trainer::start_from(const Path& checkpoint) {
  const CheckpointContent head = load_checkpoint(checkpoint, {.model_only = true});
  check_length(checkpoint, head, config_);
  check_vocabulary(checkpoint, head.attributes, data_,
                   "a model goes on with a text of the same characters; one of data.tokens=bytes, "
                   "with any text");
  const std::vector<Manifest::Tensor> tensors = read_manifest(checkpoint).tensors;
  const bool averaged = std::any_of(tensors.begin(), tensors.end(), [](const auto& tensor) {
    return tensor.name.ends_with("/average");
  });
  load_weights(*model_, load_checkpoint(checkpoint, {.params = parameter_specs(*model_),
                                                     .model_only = !averaged}));
  if (average_)
    average_ = std::make_unique<WeightAverage>(optimizer_->parameters(), config_.optim.ema);
  save_first_ = true;  // a run without a checkpoint would be resumed from its config alone
}

void Trainer::restore(const Path& checkpoint) {
  if (const std::string known = read_manifest(checkpoint).data_fingerprint;
      !same_data(known, data_.fingerprint))
    throw Error(str(checkpoint.string(),
                    ": error: the data are not those that the run was started with\n  expected  ",
                    known, "\n  received  ", data_.fingerprint,
                    "\n  --init-from starts a new run from the weights"),
                ErrorKind::data);
  const CheckpointContent c = load_checkpoint(checkpoint, {.params = parameter_specs(*model_)});
  for (const Parameter& p : model_->parameters())
    restore_tensor(p.value.value(), c.params.at(p.name).value, p.name);
  for (const Layer::Buffer& b : model_->buffers())
    if (c.buffers.contains(b.name)) restore_tensor(b.value, c.buffers.at(b.name).value, b.name);
  if (c.optimizer.type != config_.optim.method.kind())
    throw Error(str(checkpoint.string(), ": error: the run was trained with optim.kind=",
                    c.optimizer.type, ", not ", config_.optim.method.kind()));
  for (const Optimizer::StateTensor& s : optimizer_->state())
    restore_tensor(s.value, kept(c.optimizer, s.parameter, s.name, checkpoint),
                   s.parameter + "/" + s.name);
  optimizer_->set_updates(attribute<int64_t>(c.optimizer.attributes, "updates"));
  const bool averaged = c.optimizer.attributes.contains("average_updates");
  if (average_ && averaged) {
    for (const WeightAverage::Average& a : average_->state())
      restore_tensor(a.value, kept(c.optimizer, a.parameter, "average", checkpoint),
                     a.parameter + "/average");
    average_->set_updates(attribute<int64_t>(c.optimizer.attributes, "average_updates"));
  } else if (average_) {  // kept from now on
    average_ = std::make_unique<WeightAverage>(optimizer_->parameters(), config_.optim.ema);
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
  sampled_ = attribute<bool>(monitor, "sampled");
  window_ = {.loss_sum = attribute<double>(monitor, "window_loss_sum"),
             .count = attribute<int64_t>(monitor, "window_count")};
  best_ = attribute<double>(monitor, "best");
  best_step_ = attribute<int64_t>(monitor, "best_step");
  waited_ = attribute<int64_t>(monitor, "waited");
  const Attributes& schedule = group("schedule");
  schedule_->restore({.factor = attribute<double>(schedule, "factor"),
                      .best = attribute<double>(schedule, "best"),
                      .waited = attribute<int64_t>(schedule, "waited")});
  save_first_ = c.config != portable_config(config_);  // what was changed is not to be lost
  saved_ = true;
  if (finished()) return;  // nothing comes of what was changed

  if (average_ && !averaged)
    warn(str("optim.ema: no averages were kept so far; they start at the weights of step ", step_));
  const int64_t batch = attribute<int64_t>(group("loader"), "global_batch"),
                seed = attribute<int64_t>(group("rng"), "seed"), samples = data_.train->size();
  if (batch != config_.train.batch)
    warn(str("train.batch was ", batch, " and is ", config_.train.batch,
             ": the place in the data is counted in steps, so they go on at ",
             place_of_step(step_, config_.train.batch, samples), ", not at ",
             place_of_step(step_, batch, samples)));
  if (seed != config_.seed)
    warn(str("seed was ", seed, " and is ", config_.seed,
             ": from here on the samples come in another order, and dropout is drawn anew"));
}

}  // namespace lw
