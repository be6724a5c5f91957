// States handed on through whole models that convolve: pieces of a sequence give the outputs, and the
// gradients of every parameter, of the whole.
#include <gtest/gtest.h>

#include "autograd/ops/shape.h"
#include "layers/model.h"
#include "layers/s4.h"
#include "tests/compare.h"

namespace lw {
namespace {

/// A model of two blocks in f64.
std::unique_ptr<Model> model_of(const std::string& kind) {
  ModelOptions options{.d_model = 4, .n_layers = 2, .norm = "rms"};
  options.layer.choose(kind);
  if (kind == "s4") options.layer.as<S4Options>().l_max = 20;  // the whole is longer
  const ModelPorts ports{.features = 3, .outputs = 2, .every_step = true};
  auto model = std::make_unique<Model>(options, ports, Random(1));
  for (Parameter& p : model->parameters())
    Variable(p.value).set_value(p.value.value().to(DType::f64).clone());
  return model;
}

/// The outputs of `model` for x in pieces that end at `ends`, each read as `mode` says, and the gradients of its
/// parameters for outputs weighted at random.
Tensors outputs_and_gradients(const Model& model, const Tensor& x, const std::vector<int64_t>& ends,
                              Mode mode, const Tensor& intervals = {}) {
  Variables pieces;
  ModelState state;
  int64_t begin = 0;
  for (const int64_t end : ends) {
    Context context{.mode = mode, .keep_state = end < x.size(1)};
    if (intervals) context.intervals = intervals.slice(1, begin, end);
    Model::Result piece = model.forward(x.slice(1, begin, end).contiguous(), state, context);
    pieces.push_back(piece.y);
    state = std::move(piece.state);
    begin = end;
  }
  const Variable y = concat(pieces, 1);
  for (const Parameter& p : model.parameters()) Variable(p.value).clear_grad();
  y.backward(Random(3).normal(y.shape(), 0, 1, DType::f64));
  Tensors results{y.value()};
  for (const Parameter& p : model.parameters()) results.push_back(p.value.grad().clone());
  return results;
}

class StateForwarding : public ::testing::TestWithParam<const char*> {};

TEST_P(StateForwarding, PiecesThatAreConvolvedHaveTheGradientsOfTheWhole) {
  const auto model = model_of(GetParam());
  const Tensor x = Random(2).normal({2, 40, 3}, 0, 1, DType::f64);
  const Tensors whole = outputs_and_gradients(*model, x, {40}, Mode::convolution);
  for (const Mode mode : {Mode::convolution, Mode::scan, Mode::automatic})
    for (const std::vector<int64_t>& ends :
         {std::vector<int64_t>{17, 40}, {1, 20, 39, 40}, {10, 40}}) {
      const Tensors pieces = outputs_and_gradients(*model, x, ends, mode);
      for (size_t i = 0; i < whole.size(); ++i) testing::expect_close(pieces[i], whole[i], 1e-11);
    }
}

TEST_P(StateForwarding, PiecesOfIrregularSamplesHaveTheGradientsOfTheWhole) {
  const auto model = model_of(GetParam());
  const Tensor x = Random(2).normal({2, 25, 3}, 0, 1, DType::f64);
  const Tensor intervals = Random(4).uniform({2, 25}, 0.2, 3);
  const Tensors whole = outputs_and_gradients(*model, x, {25}, Mode::automatic, intervals);
  const Tensors pieces = outputs_and_gradients(*model, x, {1, 13, 25}, Mode::automatic, intervals);
  for (size_t i = 0; i < whole.size(); ++i) testing::expect_close(pieces[i], whole[i], 1e-11);
}

INSTANTIATE_TEST_SUITE_P(Kinds, StateForwarding, ::testing::Values("s4", "s4d", "dss"));

}  // namespace
}  // namespace lw
