// longwave bench step: a training step of a config on random data.
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <optional>

#include "apps/bench.h"
#include "apps/bench_output.h"
#include "apps/captured_step.h"
#include "apps/commands.h"
#include "apps/objective.h"
#include "apps/output.h"
#include "apps/run.h"
#include "autograd/precision.h"
#include "autograd/profile.h"
#include "core/log.h"
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

/// Median milliseconds of work(batch) as one graph of the device; NaN on the CPU, and for a model that needs the host.
double graph_ms(const Batch& batch, int64_t rounds, const std::function<void(const Batch&)>& work) {
  if (default_device() == host) return std::numeric_limits<double>::quiet_NaN();
  try {
    CapturedStep graph(batch, work);
    return median_ms([&] { graph.run(batch, /*step=*/1, /*first_sample=*/0); }, rounds);
  } catch (const NotRecordable& error) {
    log_info(str("no step is captured in a CUDA graph: ", error.what()));
    return std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

int bench_step(const BenchArguments& arguments) {
  const RunConfig config = load_config(arguments.name, arguments.overrides);
  const DeviceScope device(device_of(config.device));
  const Task task = open_data(config).task;
  const std::unique_ptr<Model> model = make_model(config, task);
  perturb(model->parameters());
  const std::unique_ptr<Optimizer> optimizer =
      config.optim.make(FlatParameters(model->parameters()));
  const Batch batch = random_batch(task, config.train.batch, {Random(1).fork("bench")});
  const Autocast precision(config.precision == "bf16" ? DType::bf16 : DType::f32);
  const Training training;
  const auto loss_of = [&](const Batch& b) { return loss_sum(task, *model, b); };
  const auto update = [&] {
    optimizer->prepare(1e-3);
    optimizer->step(config.optim.clip_norm);
    optimizer->parameters().clear_gradients();
  };

  if (!arguments.dump.empty()) {
    const Variable loss = loss_of(batch);
    loss.backward();
    BenchDump dump(arguments.dump);
    dump.tensors("inputs", {{"inputs", batch.inputs}, {"targets", batch.targets}});
    dump.tensors("outputs", {{"loss_sum", loss.value()}});
    dump.parameters(model->parameters());
    dump.finish();
    optimizer->parameters().clear_gradients();
  }

  Profile profile;
  std::optional<Profile::Scope> profiling;
  const int64_t rounds = arguments.rounds > 0 ? arguments.rounds : 7;
  int64_t peak = 0;
  std::array<std::vector<double>, 3> times;
  for (int64_t round = 0; round <= rounds; ++round) {
    if (round == 1 && arguments.profile) profiling.emplace(profile);
    reset_peak_memory(default_device());
    Variable loss;
    const std::array ms{elapsed_ms([&] { loss = loss_of(batch); }),
                        elapsed_ms([&] { loss.backward(); }), elapsed_ms([&] {
                          update();
                          Profile::mark("update", Profile::Pass::update);
                        })};
    peak = memory_use(default_device()).peak;
    if (round == 0) continue;  // warm-up
    for (size_t i = 0; i < ms.size(); ++i) times[i].push_back(ms[i]);
  }
  profiling.reset();
  const double graph = graph_ms(batch, rounds, [&](const Batch& b) {
    loss_of(b).backward();
    optimizer->step(config.optim.clip_norm);
    optimizer->parameters().clear_gradients();
  });
  const double forward = median(times[0]), backward = median(times[1]), updating = median(times[2]);
  const double step = std::isfinite(graph) ? graph : forward + backward + updating;
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
                {"cuda_graph", std::isfinite(graph)},
                {"items", task.vocabulary > 0 ? "tokens" : "samples"},
                {"items_per_s", 1000 * items / step},
                {"peak_bytes", peak}},
               arguments.json);
  if (arguments.profile) std::fprintf(stderr, "\n%s", to_text(profile, rounds).c_str());
  return 0;
}

}  // namespace lw
