// longwave bench: op, layer, step, generate, machine. step and generate in files of their own.
#include <algorithm>
#include <cstdio>
#include <optional>

#include "apps/bench.h"
#include "apps/bench_output.h"
#include "apps/commands.h"
#include "apps/output.h"
#include "apps/run.h"
#include "apps/signals.h"
#include "core/config.h"
#include "core/parallel.h"
#include "layers/sequence_layer.h"

namespace lw {
namespace {

/// "B=4,L=256": sizes that replace those of `name`.
void apply_shape(const std::string& shape, const std::string& name, Sizes& sizes) {
  for (size_t at = 0; at < shape.size();) {
    const size_t end = std::min(shape.find(',', at), shape.size());
    const std::string part = shape.substr(at, end - at);
    const size_t equals = part.find('=');
    std::string known;
    for (const auto& [size, value] : sizes) known += " " + size;
    check(equals != std::string::npos && sizes.contains(part.substr(0, equals)), "--shape: `", part,
          "` is not one of the sizes of ", name, ":", known);
    const std::string digits = part.substr(equals + 1);
    check(!digits.empty() && digits.size() < 10 &&
              digits.find_first_not_of("0123456789") == std::string::npos && std::stoll(digits) > 0,
          "--shape: `", part, "`: expected a positive decimal number");
    sizes[part.substr(0, equals)] = std::stoll(digits);
    at = end + 1;
  }
}

/// Milliseconds of f without a graph, and of f and its gradient less those.
struct Passes {
  double forward, backward;
};

/// Times `f` and its gradient with respect to every leaf behind it; `dy` is the gradient of the output.
/// `clear` makes the leaves ready for the next pass.
Passes time_passes(const std::function<Variable()>& f, const Tensor& dy,
                   const std::function<void()>& clear, int64_t rounds) {
  const double forward = median_ms(
      [&] {
        const NoGrad no_grad;
        f();
      },
      rounds);
  if (!dy.defined()) return {forward, 0};
  const double both = median_ms(
      [&] {
        f().backward(dy);
        clear();
      },
      rounds);
  return {forward, std::max(0.0, both - forward)};
}

/// A gradient for an output that has one.
Tensor output_gradient(const Variable& y) {
  return y.requires_grad() ? Random(2).normal(y.shape(), 0, 1, y.dtype()) : Tensor();
}

const BenchOp& op_named(const std::string& name) {
  std::vector<std::string> names;
  for (const BenchOp& op : bench_ops()) {
    if (op.name == name) return op;
    names.push_back(op.name);
  }
  std::string list;
  for (const std::string& known : names) list += " " + known;
  const std::string near = did_you_mean(name, names);
  throw Error(str("bench op: there is no op `", name, "`",
                  near.empty() ? "" : ", did you mean `" + near + "`?", "\n  ops:", list));
}

int bench_op(const BenchArguments& arguments) {
  check(arguments.overrides.empty(), "bench op: expected no `",
        arguments.overrides.empty() ? "" : arguments.overrides.front(),
        "`; sizes are given with --shape, for example --shape B=4,L=256");
  const BenchOp& op = op_named(arguments.name);
  Sizes sizes = op.sizes;
  apply_shape(arguments.shape, op.name, sizes);
  const DType dtype = arguments.dtype == "f64" ? DType::f64 : DType::f32;
  const NamedTensors inputs = op.inputs(sizes, {Random(1).fork("bench"), dtype});

  Variables leaves;
  for (const NamedTensor& input : inputs)
    leaves.emplace_back(input.value,
                        is_floating(input.value.dtype()) || is_complex(input.value.dtype()));
  const auto clear = [&] {
    for (Variable& leaf : leaves) leaf.clear_grad();
  };
  const auto run = [&] { return op.run(leaves, sizes); };
  std::optional<BenchDump> dump;
  if (!arguments.dump.empty()) {
    dump.emplace(arguments.dump);
    dump->tensors("inputs", inputs);  // before an update changes them
  }
  Variable y = run();
  const Tensor dy = output_gradient(y);
  if (dump) {
    dump->tensors("outputs", {{"y", y.value()}});
    if (dy.defined()) {
      y.backward(dy);
      dump->tensors("outputs", {{"dy", dy}});
      for (size_t i = 0; i < leaves.size(); ++i)
        if (leaves[i].grad().defined())
          dump->tensors("gradients", {{inputs[i].name, leaves[i].grad()}});
      clear();
    }
    dump->finish();
  }
  y = Variable();
  const Passes ms = time_passes(run, dy, clear, arguments.rounds);

  const MachineRates& rates = machine_rates();
  const std::array<Work, 2> work = op.work(sizes);
  const auto bytes = static_cast<double>(size_of(dtype));
  const auto floor = [&](const Work& w) {
    return 1000 * std::max(w.elements * bytes / rates.bytes_per_s, w.flops / rates.flops_per_s);
  };
  nlohmann::ordered_json line{{"name", op.name},
                              {"shape", sizes},
                              {"dtype", arguments.dtype},
                              {"device", arguments.device},
                              {"threads", num_threads()},
                              {"forward_ms", ms.forward},
                              {"backward_ms", ms.backward},
                              {"gbytes", work[0].elements * bytes / 1e9},
                              {"gflops", work[0].flops / 1e9},
                              {"gbytes_per_s", work[0].elements * bytes / ms.forward / 1e6},
                              {"gflops_per_s", work[0].flops / ms.forward / 1e6},
                              {"floor_ms", floor(work[0])},
                              {"share_of_floor", floor(work[0]) / ms.forward}};
  if (ms.backward > 0) {
    line["backward_gbytes"] = work[1].elements * bytes / 1e9;
    line["backward_gflops"] = work[1].flops / 1e9;
    line["backward_floor_ms"] = floor(work[1]);
    line["backward_share_of_floor"] = floor(work[1]) / ms.backward;
  }
  print_values(line, arguments.json);
  return 0;
}

int bench_layer(const BenchArguments& arguments) {
  SequenceLayers::Choice choice(sequence_layers());
  const std::vector<std::string> kinds = choice.kinds();
  const std::string near = did_you_mean(arguments.name, kinds);
  check(std::find(kinds.begin(), kinds.end(), arguments.name) != kinds.end(),
        "bench layer: there is no layer `", arguments.name, "`",
        near.empty() ? "" : ", did you mean `" + near + "`?");
  struct Section {
    SequenceLayers::Choice layer{sequence_layers()};
    void describe(Fields& f) { f.choice("layer", layer, "the layer to time"); }
  } section;
  std::string yaml = "{layer: " + arguments.name;
  for (const std::string& text : arguments.overrides) {
    const size_t equals = text.find('=');
    yaml += ", " + text.substr(0, equals) + ": " + text.substr(equals + 1);
  }
  Config::parse(yaml + "}", "bench layer").read(section);
  Sizes sizes{{"B", 16}, {"L", 784}, {"D", 128}};
  apply_shape(arguments.shape, arguments.name, sizes);

  const auto [B, L, D] = take<int64_t>(sizes, "B", "L", "D");
  const auto layer = section.layer.build({.d_model = D, .n_layers = 1}, Random(1).fork("layer"));
  Parameters parameters = layer->parameters();
  perturb(parameters);
  Variable x(Random(1).fork("x").normal({B, L, D}), /*requires_grad=*/true);
  const auto clear = [&] {
    x.clear_grad();
    for (Parameter& p : parameters) p.value.clear_grad();
  };
  const auto run = [&] { return (*layer)(x); };
  Variable y = run();
  const Tensor dy = output_gradient(y);
  if (!arguments.dump.empty()) {
    y.backward(dy);
    BenchDump dump(arguments.dump);
    dump.tensors("inputs", {{"x", x.value()}});
    dump.tensors("outputs", {{"y", y.value()}, {"dy", dy}});
    dump.tensors("gradients", {{"x", x.grad()}});
    dump.parameters(parameters);
    dump.finish();
    clear();
  }
  y = Variable();
  const Passes ms = time_passes(run, dy, clear, arguments.rounds);
  print_values({{"name", arguments.name},
                {"shape", sizes},
                {"device", arguments.device},
                {"threads", num_threads()},
                {"forward_ms", ms.forward},
                {"backward_ms", ms.backward}},
               arguments.json);
  return 0;
}

int bench_machine(const BenchArguments& arguments) {
  const MachineRates& rates = machine_rates();
  print_values({{"threads", num_threads()},
                {"gbytes_per_s", rates.bytes_per_s / 1e9},
                {"gflops_per_s", rates.flops_per_s / 1e9},
                {"scalar_gfmas_per_s", rates.scalar_fmas_per_s / 1e9}},
               arguments.json);
  return 0;
}

}  // namespace

int bench_command(const BenchArguments& arguments) {
  end_at_first_signal();
  check(arguments.what == "machine" || !arguments.name.empty(),
        "name is required\n  longwave bench --help shows how it is used");
  check(arguments.what != "machine" || (arguments.name.empty() && arguments.overrides.empty()),
        "bench machine takes neither a name nor key=value; --device names what it measures");
  const DeviceScope device(device_of(arguments.device));
  if (arguments.what == "op") return bench_op(arguments);
  if (arguments.what == "layer") return bench_layer(arguments);
  if (arguments.what == "step") return bench_step(arguments);
  if (arguments.what == "generate") return bench_generate(arguments);
  return bench_machine(arguments);
}

}  // namespace lw
