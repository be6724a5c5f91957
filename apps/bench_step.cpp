// longwave bench step: a training step of a config on random data, as training makes it: train.accumulate micro-batches,
// the update, the averaged weights.
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "apps/bench.h"
#include "apps/bench_output.h"
#include "apps/commands.h"
#include "apps/output.h"
#include "apps/run.h"
#include "apps/training_step.h"
#include "autograd/precision.h"
#include "core/device_runtime.h"
#include "core/memory.h"
#include "core/parallel.h"

namespace lw {
namespace {

/// Random data of the task's shapes.
Batch random_batch(const Task& task, int64_t size, const Draw& draw) {
  const Shape steps{size, task.length};
  const DeviceScope on_host(host);  // where a loader has its batches
  Batch batch;
  batch.inputs = task.vocabulary > 0
                     ? draw.ids("inputs", steps, task.vocabulary).value
                     : draw.normal("inputs", {size, task.length, task.features}).value;
  switch (task.target) {
    case Task::Target::label:
      batch.targets = draw.ids("targets", {size}, task.classes).value;
      break;
    case Task::Target::token:
      batch.targets = draw.ids("targets", steps, task.classes).value;
      break;
    case Task::Target::value:
      batch.targets = draw.normal("targets", {size, task.horizon, task.classes}).value;
      break;
  }
  return batch;
}

/// Writes a micro-batch, the sum of its losses and their gradients, as training computes them.
void dump_passes(const std::string& path, const Task& task, const Model& model,
                 const Batch& batch) {
  const Training training;
  const Variable loss = loss_sum(task, model, batch);
  loss.backward();
  BenchDump dump(path);
  dump.tensors("inputs", {{"inputs", batch.inputs}, {"targets", batch.targets}});
  dump.tensors("outputs", {{"loss_sum", loss.value()}});
  dump.parameters(model.parameters());
  dump.finish();
}

/// A clock that starts anew whenever it is read, with all work of the device done.
class Lap {
 public:
  double ms() {
    runtime_of(default_device()).synchronize();
    const auto now = std::chrono::steady_clock::now();
    return std::chrono::duration<double, std::milli>(now - std::exchange(last_, now)).count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

int bench_step(const BenchArguments& arguments) {
  const RunConfig config = load_config(arguments.name, arguments.overrides);
  const DeviceScope device(device_of(config.device));
  const Task task = open_data(config).task;
  const std::unique_ptr<Model> model = make_model(config, task);
  perturb(model->parameters());
  const std::unique_ptr<Optimizer> optimizer =
      config.optim.make(FlatParameters(model->parameters()));
  const int64_t size = config.train.batch / config.train.accumulate;
  const Batch batch = random_batch(task, size, {Random(1).fork("bench")});
  if (!arguments.dump.empty()) {
    const Autocast precision(config.precision == "bf16" ? DType::bf16 : DType::f32);
    dump_passes(arguments.dump, task, *model, batch);
    optimizer->parameters().clear_gradients();
  }

  GradientSums sums(optimizer->parameters(), model->parameters(), ranks());
  std::unique_ptr<WeightAverage> average;
  if (config.optim.ema > 0)
    average = std::make_unique<WeightAverage>(optimizer->parameters(), config.optim.ema);
  TrainingStep training(config, {task, *model, *optimizer, sums, average.get(), ranks()});
  int64_t made = 0;
  const auto make_step = [&] {
    int64_t first = 0;
    training.run(made++, /*lr_factor=*/1e-3, [&] {
      return Loader::Item{.batch = batch, .first_sample = std::exchange(first, first + size)};
    });
  };

  Profile profile;
  std::optional<Profile::Scope> profiling;
  const int64_t rounds = arguments.rounds > 0 ? arguments.rounds : 7;
  int64_t peak = 0;
  std::array<std::vector<double>, 3> times;
  Lap lap;
  std::array<double, 3> ms{};  // of this step
  training.watch([&](Profile::Pass pass) { ms[static_cast<size_t>(pass)] += lap.ms(); });
  for (int64_t round = 0; round <= rounds; ++round) {
    if (round == 1 && arguments.profile) profiling.emplace(profile);
    reset_peak_memory(default_device());
    ms = {};
    lap.ms();
    make_step();
    peak = memory_use(default_device()).peak;
    if (round == 0) continue;  // warm-up
    for (size_t i = 0; i < ms.size(); ++i) times[i].push_back(ms[i]);
  }
  profiling.reset();
  training.watch(nullptr);
  const double forward = median(times[0]), backward = median(times[1]), updating = median(times[2]);
  // A GPU is given the steps of a run without waits between the passes, and as graphs where it can be.
  const double step =
      default_device() == host ? forward + backward + updating : median_ms(make_step, rounds);
  const double items = static_cast<double>(config.train.batch) *
                       (task.vocabulary > 0 ? static_cast<double>(task.length) : 1);
  print_values({{"name", config.name},
                {"device", config.device},
                {"precision", config.precision},
                {"threads", num_threads()},
                {"step_ms", step},
                {"forward_ms", forward},
                {"backward_ms", backward},
                {"update_ms", updating},
                {"cuda_graph", training.captured()},
                {"items", task.vocabulary > 0 ? "tokens" : "samples"},
                {"items_per_s", 1000 * items / step},
                {"peak_bytes", peak}},
               arguments.json);
  if (arguments.profile) std::fprintf(stderr, "\n%s", to_text(profile, rounds).c_str());
  return 0;
}

}  // namespace lw
