// longwave bench: op, step, generate.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "apps/bench.h"
#include "apps/commands.h"
#include "apps/objective.h"
#include "apps/output.h"
#include "apps/run.h"
#include "autograd/precision.h"
#include "autograd/profile.h"
#include "core/memory.h"
#include "core/parallel.h"

namespace lw {
namespace {

/// "B=4,L=256": sizes that replace those of the op.
void apply_shape(const std::string& shape, const BenchOp& op, Sizes& sizes) {
  for (size_t at = 0; at < shape.size();) {
    const size_t end = std::min(shape.find(',', at), shape.size());
    const std::string part = shape.substr(at, end - at);
    const size_t equals = part.find('=');
    std::string known;
    for (const auto& [name, size] : op.sizes) known += " " + name;
    check(equals != std::string::npos && sizes.contains(part.substr(0, equals)), "--shape: `", part,
          "` is not one of the sizes of ", op.name, ":", known);
    const std::string digits = part.substr(equals + 1);
    check(!digits.empty() && digits.size() < 10 &&
              digits.find_first_not_of("0123456789") == std::string::npos && std::stoll(digits) > 0,
          "--shape: `", part, "`: expected a positive decimal number");
    sizes[part.substr(0, equals)] = std::stoll(digits);
    at = end + 1;
  }
}

int bench_op(const BenchArguments& arguments) {
  check(arguments.overrides.empty(), "bench op: expected no `",
        arguments.overrides.empty() ? "" : arguments.overrides.front(),
        "`; sizes are given with --shape, for example --shape B=4,L=256");
  std::vector<std::string> names;
  for (const BenchOp& op : bench_ops()) names.push_back(op.name);
  const auto op = std::find_if(bench_ops().begin(), bench_ops().end(),
                               [&](const BenchOp& o) { return o.name == arguments.name; });
  if (op == bench_ops().end()) {
    std::string list;
    for (const std::string& name : names) list += " " + name;
    const std::string near = did_you_mean(arguments.name, names);
    throw Error(str("bench op: there is no op `", arguments.name, "`",
                    near.empty() ? "" : ", did you mean `" + near + "`?", "\n  ops:", list));
  }
  Sizes sizes = op->sizes;
  apply_shape(arguments.shape, *op, sizes);
  const DType dtype = arguments.dtype == "f64" ? DType::f64 : DType::f32;
  const Tensors inputs = op->inputs(sizes, Random(1).fork("bench"), dtype);

  const double forward = median_ms([&] {
    const NoGrad no_grad;
    op->run(Variables(inputs.begin(), inputs.end()));
  });
  Tensors seeds;
  const auto both = [&] {
    Variables x;
    for (const Tensor& t : inputs) x.emplace_back(t, is_floating(t.dtype()));
    const Variable y = op->run(x)[0];
    if (seeds.empty()) seeds.push_back(Random(2).normal(y.shape(), 0, 1, dtype));
    y.backward(seeds[0]);
  };
  const double backward = std::max(0.0, median_ms(both) - forward);

  const MachineRates& rates = machine_rates();
  const double bytes = op->elements(sizes) * static_cast<double>(size_of(dtype)),
               flops = op->flops(sizes);
  const double floor = 1000 * std::max(bytes / rates.bytes_per_s, flops / rates.flops_per_s);
  print_values({{"name", op->name},
                {"shape", sizes},
                {"dtype", arguments.dtype},
                {"device", "cpu"},
                {"threads", num_threads()},
                {"forward_ms", forward},
                {"backward_ms", backward},
                {"gbytes", bytes / 1e9},
                {"gflops", flops / 1e9},
                {"gbytes_per_s", bytes / forward / 1e6},
                {"gflops_per_s", flops / forward / 1e6},
                {"floor_ms", floor},
                {"share_of_floor", floor / forward}},
               arguments.json);
  return 0;
}

/// Random data of the task's shapes.
Batch random_batch(const Task& task, int64_t size, const Random& random) {
  Batch batch;
  const Shape steps{size, task.length};
  const auto ids = [&](const Shape& shape, int64_t below, const char* name) {
    Tensor t = Tensor::empty(shape, DType::i64);
    for (int64_t i = 0; i < t.numel(); ++i)
      t.data<int64_t>()[i] = random.fork(name).integer_at(static_cast<uint64_t>(i), below);
    return t;
  };
  batch.inputs = task.vocabulary > 0
                     ? ids(steps, task.vocabulary, "inputs")
                     : random.fork("inputs").normal({size, task.length, task.features});
  switch (task.target) {
    case Task::Target::label:
      batch.targets = ids({size}, task.classes, "targets");
      break;
    case Task::Target::token:
      batch.targets = ids(steps, task.classes, "targets");
      break;
    case Task::Target::value:
      batch.targets = random.fork("targets").normal({size, task.horizon, task.classes});
      break;
  }
  return batch;
}

int bench_step(const BenchArguments& arguments) {
  const RunConfig config = load_config(arguments.name, arguments.overrides);
  const Task task = open_data(config).task;
  const std::unique_ptr<Model> model = make_model(config, task);
  const std::unique_ptr<Optimizer> optimizer =
      config.optim.make(FlatParameters(model->parameters()));
  const Batch batch = random_batch(task, config.train.batch, Random(1).fork("bench"));
  const Autocast precision(config.precision == "bf16" ? DType::bf16 : DType::f32);
  const Training training;

  Profile profile;
  std::optional<Profile::Scope> profiling;

  constexpr int rounds = 7;
  int64_t peak = 0;
  std::vector<std::vector<double>> times(3);
  for (int round = 0; round <= rounds; ++round) {
    if (round == 1 && arguments.profile) profiling.emplace(profile);
    reset_peak_memory();
    Variable loss;
    const double f = elapsed_ms(
        [&] { loss = objective(task, model->forward(batch.inputs).y, batch, false).loss_sum; });
    const double b = elapsed_ms([&] { loss.backward(); });
    const double u = elapsed_ms([&] {
      const double norm = optimizer->gradient_norm();
      optimizer->step(1e-3, clip_scale(norm, config.optim.clip_norm));
      optimizer->parameters().clear_gradients();
      Profile::mark("update", Profile::Pass::update);
    });
    peak = memory_use().peak;
    if (round == 0) continue;  // warm-up
    times[0].push_back(f), times[1].push_back(b), times[2].push_back(u);
  }
  for (auto& t : times) std::sort(t.begin(), t.end());
  const double forward = times[0][rounds / 2], backward = times[1][rounds / 2],
               update = times[2][rounds / 2];
  const double step = forward + backward + update;
  const double items = static_cast<double>(config.train.batch) *
                       (task.vocabulary > 0 ? static_cast<double>(task.length) : 1);
  print_values({{"name", config.name},
                {"device", config.device},
                {"precision", config.precision},
                {"threads", num_threads()},
                {"step_ms", step},
                {"forward_ms", forward},
                {"backward_ms", backward},
                {"update_ms", update},
                {"items", task.vocabulary > 0 ? "tokens" : "samples"},
                {"items_per_s", 1000 * items / step},
                {"peak_bytes", peak}},
               arguments.json);
  if (arguments.profile) std::fprintf(stderr, "\n%s", to_text(profile, rounds).c_str());
  return 0;
}

}  // namespace

int bench_command(const BenchArguments& arguments) {
  if (arguments.what == "op") return bench_op(arguments);
  check(arguments.shape.empty(), "bench ", arguments.what,
        ": --shape is for bench op; here the sizes are the config's, for example train.batch=8");
  return arguments.what == "step" ? bench_step(arguments) : bench_generate(arguments);
}

}  // namespace lw
