// The ops along time that `longwave bench op` times. Values are random and away from initial ones, so that no
// kernel profits from special ones. N is the size of a state in real numbers: half as many conjugate pairs.
#include <cmath>

#include "apps/bench.h"
#include "autograd/ops/attention.h"
#include "autograd/ops/causal_conv1d.h"
#include "autograd/ops/diagonal_scan.h"
#include "autograd/ops/discretize.h"
#include "autograd/ops/dplr_scan.h"
#include "autograd/ops/linear_recurrence.h"
#include "autograd/ops/long_conv.h"
#include "autograd/ops/rnn.h"
#include "autograd/ops/s4_kernel.h"
#include "autograd/ops/s4_readout.h"
#include "autograd/ops/s4d_kernel.h"
#include "autograd/ops/selective_scan.h"

namespace lw {
namespace {

/// Eigenvalues of a state matrix, one of each conjugate pair.
NamedTensor eigenvalues(const Draw& draw, const char* name, const Shape& shape) {
  return draw.complex(name, shape, -1, -0.1, 0, 3.14 * static_cast<double>(shape[-1]));
}

/// dt, lambda, P, B and the readout of S4, of rank 1.
NamedTensors dplr_system(const Sizes& s, const Draw& draw, const char* readout) {
  const auto [D, N] = take<int64_t>(s, "D", "N");
  const Shape states{D, N / 2};
  return {draw.uniform("dt", {D}, 1e-3, 0.1), eigenvalues(draw, "lambda", states),
          draw.complex("P", {1, D, N / 2}, -1, 1, -1, 1), draw.complex("B", states, -1, 1, -1, 1),
          draw.complex(readout, states, -1, 1, -1, 1)};
}

BenchOp selective_scan_op() {
  return {"selective_scan",
          {{"B", 4}, {"L", 256}, {"D", 512}, {"N", 16}},
          [](const Sizes& s, const Draw& draw) {
            const auto [B, L, D, N] = take<int64_t>(s, "B", "L", "D", "N");
            return NamedTensors{
                draw.normal("u", {B, L, D}),          draw.uniform("delta", {B, L, D}, -7, -2),
                draw.uniform("A", {D, N}, -16, -0.5), draw.normal("B", {B, L, N}),
                draw.normal("C", {B, L, N}),          draw.normal("D", {D}),
                draw.normal("z", {B, L, D})};
          },
          [](const Variables& x, const Sizes&) {
            return selective_scan(x[0], x[1], x[2], x[3], x[4],
                                  {.D = x[5], .softplus = true, .z = x[6]})
                .y;
          },
          [](const Sizes& s) {
            const auto [B, L, D, N] = take<double>(s, "B", "L", "D", "N");
            const double values = B * L * D, maps = B * L * N;
            return std::array{Work{4 * values + 2 * maps, 16 * values * N},
                              Work{7 * values + 4 * maps, 32 * values * N}};
          }};
}

BenchOp causal_conv1d_op() {
  return {"causal_conv1d",
          {{"B", 4}, {"L", 2048}, {"D", 1536}, {"W", 4}},
          [](const Sizes& s, const Draw& draw) {
            const auto [B, L, D, W] = take<int64_t>(s, "B", "L", "D", "W");
            return NamedTensors{draw.normal("x", {B, L, D}), draw.normal("w", {D, W}),
                                draw.normal("b", {D})};
          },
          [](const Variables& x, const Sizes&) {
            return causal_conv1d(x[0], x[1], x[2], {.silu = true}).y;
          },
          [](const Sizes& s) {
            const auto [B, L, D, W] = take<double>(s, "B", "L", "D", "W");
            const double values = B * L * D;
            return std::array{Work{2 * values, (2 * W + 12) * values},
                              Work{3 * values, (6 * W + 16) * values}};
          }};
}

/// As S5 and LRU use it: complex, with one a for all steps.
BenchOp linear_recurrence_op() {
  return {"linear_recurrence",
          {{"B", 16}, {"L", 784}, {"D", 128}},
          [](const Sizes& s, const Draw& draw) {
            const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
            return NamedTensors{draw.normal("x", {B, L, D}), draw.uniform("a", {D}, -0.7, 0.7)};
          },
          [](const Variables& x, const Sizes&) {
            return linear_recurrence(x[0], x[1], {.complex = true}).h;
          },
          [](const Sizes& s) {
            const auto [B, L, D] = take<double>(s, "B", "L", "D");
            const double values = B * L * D;
            return std::array{Work{2 * values, 4 * values}, Work{3 * values, 8 * values}};
          }};
}

/// linear_recurrence as RG-LRU uses it: real, with an a for each step.
BenchOp gated_recurrence_op() {
  return {
      "gated_recurrence",
      {{"B", 16}, {"L", 784}, {"D", 128}},
      [](const Sizes& s, const Draw& draw) {
        const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
        return NamedTensors{draw.normal("x", {B, L, D}), draw.uniform("a", {B, L, D}, 0.1, 0.99)};
      },
      [](const Variables& x, const Sizes&) { return linear_recurrence(x[0], x[1]).h; },
      [](const Sizes& s) {
        const auto [B, L, D] = take<double>(s, "B", "L", "D");
        const double values = B * L * D;
        return std::array{Work{3 * values, 2 * values}, Work{5 * values, 3 * values}};
      }};
}

BenchOp rnn_op(const char* name, RnnCell cell) {
  const auto gates = static_cast<int64_t>(kernels::rnn_gates(cell));
  return {name,
          {{"B", 32}, {"L", 784}, {"D", 128}},
          [gates](const Sizes& s, const Draw& draw) {
            const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
            return NamedTensors{draw.normal("x", {B, L, gates * D}),
                                draw.uniform("W", {gates * D, D}, -0.08, 0.08),
                                draw.uniform("b", {gates * D}, -0.08, 0.08)};
          },
          [cell](const Variables& x, const Sizes&) { return rnn(cell, x[0], x[1], x[2]).h; },
          [gates](const Sizes& s) {
            const auto [B, L, D] = take<double>(s, "B", "L", "D");
            const double rows = B * L, products = 2 * rows * static_cast<double>(gates) * D * D;
            const double values = rows * D * static_cast<double>(gates + 1);
            return std::array{Work{values, products}, Work{2 * values, 2 * products}};
          }};
}

BenchOp attention_op() {
  return {"attention",
          {{"B", 8}, {"L", 512}, {"H", 8}, {"D", 64}},
          [](const Sizes& s, const Draw& draw) {
            const auto [B, L, H, D] = take<int64_t>(s, "B", "L", "H", "D");
            return NamedTensors{draw.normal("q", {B, L, H * D}), draw.normal("k", {B, L, H * D}),
                                draw.normal("v", {B, L, H * D})};
          },
          [](const Variables& x, const Sizes& s) {
            return attention(x[0], x[1], x[2], {.heads = s.at("H")});
          },
          [](const Sizes& s) {
            const auto [B, L, H, D] = take<double>(s, "B", "L", "H", "D");
            const double values = B * L * H * D, pairs = B * H * L * (L + 1) / 2;
            return std::array{Work{4 * values, 4 * D * pairs}, Work{8 * values, 10 * D * pairs}};
          }};
}

BenchOp long_conv_op() {
  return {"long_conv",
          {{"B", 16}, {"L", 784}, {"D", 128}},
          [](const Sizes& s, const Draw& draw) {
            const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
            return NamedTensors{draw.normal("u", {B, L, D}), draw.normal("k", {D, L}),
                                draw.normal("D", {D})};
          },
          [](const Variables& x, const Sizes&) { return long_conv(x[0], x[1], x[2]); },
          [](const Sizes& s) {
            // A real transform of length 2 L is a complex one of length L: 5 L log2 L operations.
            const auto [B, L, D] = take<double>(s, "B", "L", "D");
            const double values = B * L * D, kernel = L * D, transform = 5 * std::log2(2 * L);
            return std::array{
                Work{2 * values + kernel, transform * (2 * values + kernel) + 6 * values},
                Work{3 * values + 2 * kernel, transform * (3 * values + 2 * kernel) + 12 * values}};
          }};
}

BenchOp s4d_kernel_op() {
  return {
      "s4d_kernel",
      {{"D", 128}, {"N", 64}, {"L", 784}},
      [](const Sizes& s, const Draw& draw) {
        const auto [D, N] = take<int64_t>(s, "D", "N");
        return NamedTensors{draw.uniform("dt", {D}, 1e-3, 0.1), eigenvalues(draw, "A", {D, N / 2}),
                            draw.complex("C", {D, N / 2}, -1, 1, -1, 1)};
      },
      [](const Variables& x, const Sizes& s) { return s4d_kernel(x[0], x[1], x[2], s.at("L")); },
      [](const Sizes& s) {
        const auto [D, N, L] = take<double>(s, "D", "N", "L");
        return std::array{Work{L * D + 2 * N * D, 2 * N * L * D},
                          Work{L * D + 4 * N * D, 4 * N * L * D}};
      }};
}

BenchOp s4_kernel_op() {
  return {"s4_kernel",
          {{"D", 256}, {"N", 64}, {"L", 1024}},
          [](const Sizes& s, const Draw& draw) { return dplr_system(s, draw, "Ct"); },
          [](const Variables& x, const Sizes& s) {
            const int64_t L = s.at("L");
            return s4_kernel(x[0], x[1], x[2], x[3], x[4], {.time = L, .length = L});
          },
          [](const Sizes& s) {
            // At each of L/2 frequencies and for each of N/2 pairs: a reciprocal and four products.
            const auto [D, N, L] = take<double>(s, "D", "N", "L");
            const double terms = D * N / 2 * L / 2;
            return std::array{Work{L * D + 4 * N * D, 50 * terms},
                              Work{L * D + 8 * N * D, 110 * terms}};
          }};
}

BenchOp diagonal_scan_op() {
  return {"diagonal_scan",
          {{"B", 16}, {"L", 784}, {"D", 128}, {"N", 64}},
          [](const Sizes& s, const Draw& draw) {
            const auto [B, L, D, N] = take<int64_t>(s, "B", "L", "D", "N");
            const Shape states{D, N / 2};
            return NamedTensors{
                draw.normal("u", {B, L, D}), draw.complex("A", states, 0.5, 0.7, -0.7, 0.7),
                draw.complex("B", states, -1, 1, -1, 1), draw.complex("C", states, -1, 1, -1, 1)};
          },
          [](const Variables& x, const Sizes&) { return diagonal_scan(x[0], x[1], x[2], x[3]).y; },
          [](const Sizes& s) {
            const auto [B, L, D, N] = take<double>(s, "B", "L", "D", "N");
            const double values = B * L * D;
            if (s.at("L") >= shortest_scan_in_chunks(Tensor::empty({0})))  // by matrix products
              return std::array{Work{2 * values, (24 + 4.25 * N) * values},
                                Work{3 * values, (56 + 14.5 * N) * values}};
            return std::array{Work{2 * values, 7 * N * values}, Work{3 * values, 20 * N * values}};
          }};
}

BenchOp dplr_scan_op() {
  return {"dplr_scan",
          {{"B", 4}, {"L", 1024}, {"D", 128}, {"N", 64}},
          [](const Sizes& s, const Draw& draw) {
            const auto [B, L, D] = take<int64_t>(s, "B", "L", "D");
            NamedTensors inputs = dplr_system(s, draw, "C");
            inputs.insert(inputs.begin(), draw.normal("u", {B, L, D}));
            return inputs;
          },
          [](const Variables& x, const Sizes&) {
            return dplr_scan(x[0], x[1], x[2], x[3], x[4], x[5]).y;
          },
          [](const Sizes& s) {
            const auto [B, L, D, N] = take<double>(s, "B", "L", "D", "N");
            const double values = B * L * D;
            return std::array{Work{2 * values, 15 * N * values}, Work{3 * values, 45 * N * values}};
          }};
}

BenchOp discretize_op() {
  return {"discretize",
          {{"D", 256}, {"N", 64}},
          [](const Sizes& s, const Draw& draw) {
            const auto [D, N] = take<int64_t>(s, "D", "N");
            return NamedTensors{draw.uniform("dt", {D}, 1e-3, 0.1),
                                eigenvalues(draw, "A", {D, N / 2}),
                                draw.complex("B", {D, N / 2}, -1, 1, -1, 1)};
          },
          [](const Variables& x, const Sizes&) { return discretize(x[0], x[1], x[2]).Abar; },
          [](const Sizes& s) {
            const auto [D, N] = take<double>(s, "D", "N");
            return std::array{Work{4 * D * N, 25 * D * N}, Work{6 * D * N, 40 * D * N}};
          }};
}

BenchOp s4_readout_op() {
  return {"s4_readout",
          {{"D", 32}, {"N", 64}, {"L", 1024}},
          [](const Sizes& s, const Draw& draw) {
            NamedTensors system = dplr_system(s, draw, "Ct");
            return NamedTensors{system[0], system[1], system[2], system[4]};
          },
          [](const Variables& x, const Sizes& s) {
            return s4_readout(x[0], x[1], x[2], x[3], s.at("L"));
          },
          [](const Sizes& s) {
            // log2(L) squarings and products of N x N matrices.
            const auto [D, N, L] = take<double>(s, "D", "N", "L");
            const double products = 4 * N * N * N * std::log2(L) * D;
            return std::array{Work{4 * D * N, products}, Work{6 * D * N, 4 * products}};
          }};
}

}  // namespace

std::vector<BenchOp> sequence_bench_ops() {
  return {selective_scan_op(),
          causal_conv1d_op(),
          linear_recurrence_op(),
          gated_recurrence_op(),
          rnn_op("rnn", RnnCell::tanh),
          rnn_op("lstm", RnnCell::lstm),
          rnn_op("gru", RnnCell::gru),
          attention_op(),
          long_conv_op(),
          s4d_kernel_op(),
          s4_kernel_op(),
          diagonal_scan_op(),
          dplr_scan_op(),
          discretize_op(),
          s4_readout_op()};
}

}  // namespace lw
