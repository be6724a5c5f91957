// model.recompute: less memory, the same bits.
#include <gtest/gtest.h>

#include <tuple>

#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/reduce.h"
#include "autograd/precision.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "layers/model.h"

namespace lw {
namespace {

const std::vector<std::string> policies{"none", "block", "full"};
const ModelPorts language{.vocabulary = 11, .outputs = 11, .every_step = true};

Tensor ids(const Shape& shape, int64_t below) {
  std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<int64_t>(7 * i + i / 3) % below;
  return Tensor::from(shape, values);
}

ModelOptions options_of(const std::string& kind, const std::string& norm = "rms") {
  ModelOptions options{.d_model = 8, .n_layers = 5, .norm = norm};
  options.layer.choose(kind);
  options.dropout = 0.1;
  options.drop_path = 0.3;
  return options;
}

using Numbers = std::vector<std::vector<double>>;

/// The loss, the gradients of all parameters and the buffers after one step of training.
Numbers step(ModelOptions options, const std::string& policy, const Context& context = {}) {
  options.recompute = policy;
  const Model model(options, language, Random(1));
  Variable loss;
  {
    const Training training(/*step=*/3, /*first_sample=*/2);
    const Tensor x = ids({3, 20}, 11);
    loss = cross_entropy(model.forward(x, {}, context).y, x);
  }
  loss.backward();  // outside the guards of the forward pass, whose masks hold none the less
  Numbers numbers{loss.value().to_vector()};
  for (const Parameter& p : model.parameters()) numbers.push_back(p.value.grad().to_vector());
  for (const Layer::Buffer& b : model.buffers()) numbers.push_back(b.value.to_vector());
  return numbers;
}

void expect_same_bits(const ModelOptions& options, const Context& context = {}) {
  const Numbers none = step(options, "none", context);
  for (const std::string policy : {"block", "full"})
    EXPECT_EQ(step(options, policy, context), none)
        << policy << ' ' << options.layer.kind() << ' ' << options.norm;
}

TEST(Recompute, GradientsHaveTheSameBitsForEveryKindOfLayer) {
  for (const std::string& kind : SequenceLayers::Choice(sequence_layers()).kinds())
    expect_same_bits(options_of(kind));
}

TEST(Recompute, GradientsHaveTheSameBitsForEveryKindOfBlock) {
  for (const std::string& norm : norm_kinds) {
    for (const auto& [prenorm, residual, tied] :
         {std::tuple(true, "plain", true), {false, "plain", false}, {true, "gated", false}}) {
      ModelOptions options = options_of("mamba1", norm);
      options.prenorm = prenorm, options.residual = residual, options.tie_dropout = tied;
      expect_same_bits(options);
    }
  }
}

TEST(Recompute, GradientsHaveTheSameBitsForPackedDocumentsAndInBf16) {
  std::vector<uint8_t> starts(60);
  for (const size_t i : {0, 7, 31, 50}) starts[i] = 1;
  const Tensor resets = Tensor::from({3, 20}, starts);
  expect_same_bits(options_of("mamba1"), {.resets = resets});
  expect_same_bits(options_of("s4d"), {.resets = resets});
  const Autocast precision(DType::bf16);
  expect_same_bits(options_of("mamba1"));
}

TEST(Recompute, GradientsHaveTheSameBitsForEveryNumberOfThreads) {
  const int before = num_threads();
  const Numbers none = step(options_of("mamba1"), "none");
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    for (const std::string& policy : policies)
      EXPECT_EQ(step(options_of("mamba1"), policy), none) << policy << ' ' << threads;
  }
  set_num_threads(before);
}

TEST(Recompute, GradientsFlowThroughStates) {
  const auto two_pieces = [](const std::string& policy) {
    ModelOptions options = options_of("mamba1");
    options.recompute = policy;
    const Model model(options, language, Random(1));
    const Tensor x = ids({2, 12}, 11);
    const Context keep{.keep_state = true};
    const Model::Result first = model.forward(x.slice(1, 0, 5).contiguous(), {}, keep);
    const Model::Result rest = model.forward(x.slice(1, 5, 12).contiguous(), first.state, keep);
    sum(rest.y).backward();
    Numbers numbers{rest.y.value().to_vector()};
    for (const Parameter& p : model.parameters()) numbers.push_back(p.value.grad().to_vector());
    return numbers;
  };
  const Numbers none = two_pieces("none");
  EXPECT_EQ(two_pieces("block"), none);
  EXPECT_EQ(two_pieces("full"), none);
}

TEST(Recompute, EachPolicyNeedsLessMemoryThanTheOneBefore) {
  const auto peak = [](const std::string& kind, bool prenorm, const std::string& policy) {
    ModelOptions options{.d_model = 16, .n_layers = 16, .norm = "layer", .prenorm = prenorm};
    options.layer.choose(kind);
    options.recompute = policy;
    const Model model(options, language, Random(1));
    const Tensor x = ids({2, 256}, 11);
    const int64_t before = memory_use(default_device()).used;
    reset_peak_memory(default_device());
    cross_entropy(model.forward(x).y, x).backward();
    return memory_use(default_device()).peak - before;
  };
  for (const auto& [kind, prenorm] : {std::pair("mamba1", true), {"s4d", false}}) {
    const int64_t none = peak(kind, prenorm, "none"), block = peak(kind, prenorm, "block"),
                  full = peak(kind, prenorm, "full");
    EXPECT_GT(none, 2 * block) << kind;
    EXPECT_GT(block, full) << kind;
  }
}

}  // namespace
}  // namespace lw
