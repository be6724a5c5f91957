// The loss and the score of a batch beside those of all that the model answers.
#include "apps/objective.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/mse.h"
#include "autograd/ops/shape.h"
#include "core/memory.h"

namespace lw {
namespace {

using Target = Task::Target;

Model model_of(const Task& task, bool tied) {
  ModelOptions options{.d_model = 4, .n_layers = 1, .norm = "rms", .tie_embeddings = tied};
  options.layer.choose("mamba1");
  return Model(options,
               {.vocabulary = task.vocabulary,
                .features = task.features,
                .outputs = task.classes,
                .every_step = task.target != Target::label},
               Random(1));
}

/// Numbers in [0, below), every fifth `ignored_target` if some may be.
Tensor ids(const Shape& shape, int64_t below, bool some_ignored = false) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < shape.numel(); ++i)
    values.push_back(some_ignored && i % 5 == 3 ? ignored_target : (7 * i + i / 3) % below);
  return Tensor::from(shape, values);
}

void clear(const Model& model) {
  for (Parameter p : model.parameters()) p.value.clear_grad();
}

/// loss_sum(...) has the value and the gradients of `expected`.
void expect_like(const Variable& loss, const Variable& expected, const Model& model) {
  EXPECT_NEAR(loss.value().item(), expected.value().item(), 1e-5 * expected.value().item());
  std::vector<std::vector<double>> gradients;
  expected.backward();
  for (const Parameter& p : model.parameters()) gradients.push_back(p.value.grad().to_vector());
  clear(model);
  loss.backward();
  size_t k = 0;
  for (const Parameter& p : model.parameters()) {
    const std::vector<double> gradient = p.value.grad().to_vector();
    for (size_t i = 0; i < gradient.size(); ++i)
      ASSERT_NEAR(gradient[i], gradients[k][i], 1e-4) << p.name;
    ++k;
  }
  clear(model);
}

TEST(Objective, TheLossIsThatOfTheAnswer) {
  for (const bool tied : {true, false}) {
    const Task task{.vocabulary = 11, .length = 6, .target = Target::token, .classes = 11};
    const Model model = model_of(task, tied);
    const Batch batch{.inputs = ids({3, 6}, 11), .targets = ids({3, 6}, 11, true)};
    expect_like(loss_sum(task, model, batch),
                cross_entropy(model.forward(batch.inputs).y, batch.targets, {.divisor = 1}), model);
  }
  {
    const Task task{.features = 2, .length = 6, .target = Target::label, .classes = 5};
    const Model model = model_of(task, false);
    const Batch batch{.inputs = Random(2).normal({3, 6, 2}),
                      .targets = ids({3}, 5),
                      .lengths = Tensor::from({3}, std::vector<int64_t>{6, 2, 4})};
    const Variable y = model.forward(batch.inputs, {}, {}, batch.lengths).y;
    expect_like(loss_sum(task, model, batch), cross_entropy(y, batch.targets, {.divisor = 1}),
                model);
  }
  const Task task{.features = 2, .length = 6, .target = Target::value, .classes = 2, .horizon = 4};
  const Model model = model_of(task, false);
  const Batch batch{.inputs = Random(2).normal({3, 6, 2}), .targets = Random(3).normal({3, 4, 2})};
  expect_like(loss_sum(task, model, batch),
              mse(slice(model.forward(batch.inputs).y, 1, 2, 6), batch.targets, 1), model);
}

TEST(Objective, HitsAreCountedSomeRowsAtATime) {
  const int64_t classes = 1 << 17;  // of which 128 rows are looked at together
  const Task task{.vocabulary = classes, .length = 70, .target = Target::token, .classes = classes};
  const Model model = model_of(task, true);
  const Batch batch{.inputs = ids({2, 70}, classes), .targets = ids({2, 70}, classes, true)};
  Score expected;
  {
    const NoGrad no_grad;
    const Tensor y = model.forward(batch.inputs).y.value().rows();
    for (int64_t i = 0; i < y.size(0); ++i) {
      const float* row = &y.view<const float, 2>()(i, 0);
      const float* largest = std::max_element(row, row + classes);
      int64_t& target = batch.targets.data<int64_t>()[i];
      if (target == ignored_target) continue;
      if (i % 3 == 0) target = largest - row;
      double sum = 0;
      for (int64_t j = 0; j < classes; ++j) sum += std::exp(double{row[j]} - *largest);
      expected.loss_sum += std::log(sum) + *largest - row[target];
      expected.correct += target == largest - row;
      ++expected.count;
    }
  }
  reset_peak_memory();
  const int64_t before = memory_use().used;
  const Score score = score_of(task, model, batch);
  EXPECT_LT(memory_use().peak - before, 130 * classes * 4);
  EXPECT_GT(expected.correct, 30);
  EXPECT_EQ(score.correct, expected.correct);
  EXPECT_EQ(score.count, expected.count);
  EXPECT_NEAR(score.loss_sum, expected.loss_sum, 1e-5 * expected.loss_sum);
}

}  // namespace
}  // namespace lw
