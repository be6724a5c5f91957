// The ops other than those along time that `longwave bench op` times: products, norms, functions of each
// element, losses, updates. Sizes as in the models of configs/.
#include <string>

#include "apps/bench.h"
#include "autograd/ops/batch_norm.h"
#include "autograd/ops/complex.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/dropout.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/embedding.h"
#include "autograd/ops/glu.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/linear_cross_entropy.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/mse.h"
#include "autograd/ops/norm.h"
#include "autograd/ops/pool.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/skip_gelu.h"
#include "autograd/ops/softmax.h"
#include "kernels/accumulate/accumulate.h"
#include "kernels/adamw/adamw.h"
#include "kernels/average/average.h"
#include "kernels/clip/clip.h"
#include "kernels/sgd/sgd.h"

namespace lw {
namespace {

const Sizes activations{{"B", 16}, {"L", 784}, {"D", 128}};

/// Elements and operations of each pass for one activation.
struct Cost {
  double elements, flops, backward_elements, backward_flops;
};

std::array<Work, 2> work_of(const Cost& cost, double count) {
  return {Work{cost.elements * count, cost.flops * count},
          Work{cost.backward_elements * count, cost.backward_flops * count}};
}

/// An op of `x` [B, L, D], and of vectors [D] if it has any.
BenchOp activation_op(const std::string& name, const Cost& cost,
                      std::function<Variable(const Variables&)> run,
                      const std::vector<std::string>& vectors = {}) {
  return {name, activations,
          [vectors](const Sizes& s, const Draw& draw) {
            const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
            NamedTensors inputs{draw.normal("x", {B, L, D})};
            for (const std::string& vector : vectors) inputs.push_back(draw.normal(vector, {D}));
            return inputs;
          },
          [run = std::move(run)](const Variables& x, const Sizes&) { return run(x); },
          [cost](const Sizes& s) {
            const auto [B, L, D] = take<double>(s, "B", "L", "D");
            return work_of(cost, B * L * D);
          }};
}

/// The same of two tensors [B, L, D], and of vectors [D].
BenchOp pair_op(const std::string& name, const Cost& cost,
                std::function<Variable(const Variables&)> run,
                const std::vector<std::string>& vectors = {}) {
  BenchOp op = activation_op(name, cost, std::move(run), vectors);
  op.inputs = [inputs = op.inputs](const Sizes& s, const Draw& draw) {
    NamedTensors all = inputs(s, draw);
    all.insert(all.begin() + 1, draw.normal("second", all[0].value.shape()));
    return all;
  };
  return op;
}

std::vector<BenchOp> elementwise_ops() {
  return {
      activation_op("exp", {2, 10, 3, 1}, [](const Variables& x) { return exp(x[0]); }),
      activation_op("gelu", {2, 25, 3, 30}, [](const Variables& x) { return gelu(x[0]); }),
      activation_op("silu", {2, 15, 3, 20}, [](const Variables& x) { return silu(x[0]); }),
      activation_op("softplus", {2, 22, 3, 15}, [](const Variables& x) { return softplus(x[0]); }),
      pair_op("add", {3, 1, 0, 0}, [](const Variables& x) { return add(x[0], x[1]); }),
      pair_op("mul", {3, 1, 5, 2}, [](const Variables& x) { return mul(x[0], x[1]); }),
      pair_op("skip_gelu", {3, 27, 5, 34},
              [](const Variables& x) { return skip_gelu(x[0], x[2], x[1]); }, {"D"}),
      pair_op("complex", {4, 0, 4, 0}, [](const Variables& x) { return complex(x[0], x[1]); }),
      activation_op("dropout", {2, 12, 2, 12},
                    [](const Variables& x) {
                      const Training training;
                      return dropout(x[0], 0.1, Random(1));
                    }),
      activation_op("sum", {1, 1, 1, 0}, [](const Variables& x) { return sum(x[0], {1}); }),
      activation_op("mean_pool", {1, 1, 1, 1}, [](const Variables& x) { return mean_pool(x[0]); }),
      activation_op("transpose", {2, 0, 0, 0},
                    [](const Variables& x) { return reshape(transpose(x[0], 1, 2), {-1}); }),
      activation_op("split", {0, 0, 1.5, 0},
                    [](const Variables& x) {
                      const int64_t half = x[0].size(-1) / 2;
                      return split<2>(x[0], {half, x[0].size(-1) - half})[0];
                    }),
      {"glu", activations,
       [](const Sizes& s, const Draw& draw) {
         const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
         return NamedTensors{draw.normal("x", {B, L, 2 * D})};
       },
       [](const Variables& x, const Sizes&) { return glu(x[0]); },
       [](const Sizes& s) {
         const auto [B, L, D] = take<double>(s, "B", "L", "D");
         return work_of({3, 15, 5, 20}, B * L * D);
       }},
  };
}

std::vector<BenchOp> norm_ops() {
  return {
      activation_op("layer_norm", {2, 8, 3, 14},
                    [](const Variables& x) { return layer_norm(x[0], x[1], x[2]); },
                    {"weight", "bias"}),
      activation_op("rms_norm", {2, 4, 3, 10},
                    [](const Variables& x) { return rms_norm(x[0], x[1]); }, {"weight"}),
      pair_op("add_layer_norm", {4, 9, 3, 15},
              [](const Variables& x) { return add_layer_norm(x[0], x[1], x[2], x[3]).first; },
              {"weight", "bias"}),
      pair_op("add_rms_norm", {4, 5, 3, 11},
              [](const Variables& x) { return add_rms_norm(x[0], x[1], x[2]).first; }, {"weight"}),
      activation_op("batch_norm", {3, 6, 5, 10},
                    [](const Variables& x) {
                      const Training training;
                      const Shape channels{x[0].size(-1)};
                      const RunningAverages running{Tensor::zeros(channels, x[0].dtype()),
                                                    Tensor::full(channels, 1, x[0].dtype())};
                      return batch_norm(x[0], x[1], x[2], running);
                    },
                    {"weight", "bias"}),
      activation_op("softmax", {2, 14, 3, 4}, [](const Variables& x) { return softmax(x[0]); }),
  };
}

std::vector<BenchOp> product_ops() {
  return {
      {"linear",
       {{"M", 2048}, {"K", 768}, {"O", 3072}},
       [](const Sizes& s, const Draw& draw) {
         const auto [M, K, O] = take<int64_t>(s, "M", "K", "O");
         return NamedTensors{draw.normal("x", {M, K}), draw.normal("weight", {O, K}),
                             draw.normal("bias", {O})};
       },
       [](const Variables& x, const Sizes&) { return linear(x[0], x[1], x[2]); },
       [](const Sizes& s) {
         const auto [M, K, O] = take<double>(s, "M", "K", "O");
         const double elements = M * (K + O) + K * O;
         return std::array{Work{elements, 2 * M * K * O}, Work{2 * elements, 4 * M * K * O}};
       }},
      {"matmul",
       {{"B", 1}, {"M", 2048}, {"K", 768}, {"O", 768}},
       [](const Sizes& s, const Draw& draw) {
         const auto [B, M, K, O] = take<int64_t>(s, "B", "M", "K", "O");
         return NamedTensors{draw.normal("a", {B, M, K}), draw.normal("b", {B, K, O})};
       },
       [](const Variables& x, const Sizes&) { return matmul(x[0], x[1]); },
       [](const Sizes& s) {
         const auto [B, M, K, O] = take<double>(s, "B", "M", "K", "O");
         const double elements = B * (M * (K + O) + K * O), flops = 2 * B * M * K * O;
         return std::array{Work{elements, flops}, Work{2 * elements, 2 * flops}};
       }},
  };
}

std::vector<BenchOp> token_ops() {
  return {
      {"cross_entropy",
       {{"B", 4}, {"L", 256}, {"V", 50280}},
       [](const Sizes& s, const Draw& draw) {
         const auto [B, L, V] = take<int64_t>(s, "B", "L", "V");
         return NamedTensors{draw.normal("x", {B, L, V}), draw.ids("ids", {B, L}, V)};
       },
       [](const Variables& x, const Sizes&) { return cross_entropy(x[0], x[1].value()); },
       [](const Sizes& s) {
         const auto [B, L, V] = take<double>(s, "B", "L", "V");
         return work_of({1, 12, 2, 12}, B * L * V);
       }},
      {"linear_cross_entropy",
       {{"M", 1024}, {"K", 768}, {"V", 50280}},
       [](const Sizes& s, const Draw& draw) {
         const auto [M, K, V] = take<int64_t>(s, "M", "K", "V");
         return NamedTensors{draw.normal("x", {M, K}), draw.normal("weight", {V, K}, 0.02),
                             draw.ids("ids", {M}, V)};
       },
       [](const Variables& x, const Sizes&) {
         return linear_cross_entropy(x[0], x[1], {}, x[2].value());
       },
       [](const Sizes& s) {
         const auto [M, K, V] = take<double>(s, "M", "K", "V");
         const double elements = (M + V) * K;
         return std::array{Work{elements, M * V * (2 * K + 12)},
                           Work{2 * elements, M * V * (4 * K + 12)}};
       }},
      {"embedding",
       {{"B", 4}, {"L", 2048}, {"D", 768}, {"V", 50280}},
       [](const Sizes& s, const Draw& draw) {
         const auto [B, L, D, V] = take<int64_t>(s, "B", "L", "D", "V");
         return NamedTensors{draw.normal("table", {V, D}), draw.ids("ids", {B, L}, V)};
       },
       [](const Variables& x, const Sizes&) { return embedding(x[0], x[1].value()); },
       [](const Sizes& s) {
         const auto [B, L, D, V] = take<double>(s, "B", "L", "D", "V");
         return std::array{Work{2 * B * L * D, 0}, Work{B * L * D + V * D, B * L * D}};
       }},
      {"mse", activations,
       [](const Sizes& s, const Draw& draw) {
         const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
         return NamedTensors{draw.normal("prediction", {B, L, D}),
                             draw.normal("target", {B, L, D})};
       },
       [](const Variables& x, const Sizes&) { return mse(x[0], x[1].value()); },
       [](const Sizes& s) {
         const auto [B, L, D] = take<double>(s, "B", "L", "D");
         return work_of({2, 3, 3, 2}, B * L * D);
       }},
  };
}

/// What the optimizer does with all P parameters at once, and what backward() adds gradients with.
BenchOp update_op(const std::string& name, const std::vector<std::string>& inputs, double elements,
                  double flops, const std::function<void(Tensors&)>& run) {
  return {name,
          {{"P", 16'000'000}},
          [inputs](const Sizes& s, const Draw& draw) {
            NamedTensors all;
            for (const std::string& input : inputs)
              all.push_back(draw.uniform(input, {s.at("P")}, 0.5, 1));
            return all;
          },
          [run](const Variables& x, const Sizes&) {
            Tensors values = values_of(x);
            run(values);
            return Variable(values.back());
          },
          [elements, flops](const Sizes& s) {
            const auto [P] = take<double>(s, "P");
            return work_of({elements, flops, 0, 0}, P);
          }};
}

std::vector<BenchOp> update_ops() {
  return {
      update_op(
          "adamw", {"gradient", "mean", "square", "weight"}, 7, 16,
          [](Tensors& x) {
            const auto factors = kernels::factors_of({}, /*lr=*/1e-3, /*weight_decay=*/0.1, 1);
            kernels::adamw(x[0], {}, kernels::one_group(x[0].numel(), factors), x[3], x[1], x[2]);
          }),
      update_op("sgd", {"gradient", "weight", "momentum"}, 5, 5,
                [](Tensors& x) {
                  const std::array factors{0., 1e-3};
                  kernels::sgd(x[0], {.momentum = 0.9}, kernels::one_group(x[0].numel(), factors),
                               x[1], x[2]);
                }),
      update_op(
          "clip", {"gradient"}, 1, 2,
          [](Tensors& x) {
            Tensor outcome = Tensor::empty({kernels::clip_outcomes}, DType::f64);
            kernels::clip({x[0], Tensor::scalar(1, DType::f64), {}, /*clip_norm=*/1}, outcome);
          }),
      update_op("average", {"weight", "average"}, 3, 3,
                [](Tensors& x) { kernels::average(x[0], Tensor::scalar(1e-3, DType::f64), x[1]); }),
      update_op("accumulate", {"term", "sum"}, 3, 1,
                [](Tensors& x) { kernels::accumulate(x[0], x[1]); }),
  };
}

}  // namespace

std::vector<BenchOp> dense_bench_ops() {
  std::vector<BenchOp> all;
  for (const auto& ops : {product_ops(), norm_ops(), elementwise_ops(), token_ops(), update_ops()})
    all.insert(all.end(), ops.begin(), ops.end());
  return all;
}

}  // namespace lw
