// The ops that `longwave bench op` times. Values are random, so that no kernel profits from special ones;
// the decay rates of the scans are perturbed away from their initial values.
#include <cmath>

#include "apps/bench.h"
#include "autograd/ops/causal_conv1d.h"
#include "autograd/ops/cross_entropy.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/embedding.h"
#include "autograd/ops/glu.h"
#include "autograd/ops/linear.h"
#include "autograd/ops/long_conv.h"
#include "autograd/ops/norm.h"
#include "autograd/ops/selective_scan.h"

namespace lw {
namespace {

double at(const Sizes& s, const char* name) { return static_cast<double>(s.at(name)); }

Tensor random_ids(const Shape& shape, int64_t below, const Random& random) {
  Tensor ids = Tensor::empty(shape, DType::i64);
  for (int64_t i = 0; i < ids.numel(); ++i)
    ids.data<int64_t>()[i] = random.integer_at(static_cast<uint64_t>(i), below);
  return ids;
}

double positions(const Sizes& s) { return at(s, "B") * at(s, "L"); }
double activations(const Sizes& s) { return positions(s) * at(s, "D"); }

}  // namespace

const std::vector<BenchOp>& bench_ops() {
  static const std::vector<BenchOp> ops{
      {"selective_scan",
       {{"B", 4}, {"L", 256}, {"D", 512}, {"N", 16}},
       [](const Sizes& s, const Random& r, DType t) {
         const int64_t B = s.at("B"), L = s.at("L"), D = s.at("D"), N = s.at("N");
         return Tensors{r.fork("u").normal({B, L, D}, 0, 1, t),
                        r.fork("delta").uniform({B, L, D}, -7, -2, t),
                        r.fork("A").uniform({D, N}, -16, -0.5, t),
                        r.fork("B").normal({B, L, N}, 0, 1, t),
                        r.fork("C").normal({B, L, N}, 0, 1, t),
                        r.fork("D").normal({D}, 0, 1, t),
                        r.fork("z").normal({B, L, D}, 0, 1, t)};
       },
       [](const Variables& x) {
         return Variables{
             selective_scan(x[0], x[1], x[2], x[3], x[4], {.D = x[5], .softplus = true, .z = x[6]})
                 .y};
       },
       [](const Sizes& s) { return 4 * activations(s) + 2 * positions(s) * at(s, "N"); },
       [](const Sizes& s) { return 12 * activations(s) * at(s, "N"); }},
      {"causal_conv1d",
       {{"B", 4}, {"L", 2048}, {"D", 1536}, {"W", 4}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("x").normal({s.at("B"), s.at("L"), s.at("D")}, 0, 1, t),
                        r.fork("w").normal({s.at("D"), s.at("W")}, 0, 1, t),
                        r.fork("b").normal({s.at("D")}, 0, 1, t)};
       },
       [](const Variables& x) {
         return Variables{causal_conv1d(x[0], x[1], x[2], {.silu = true}).y};
       },
       [](const Sizes& s) { return 2 * activations(s); },
       [](const Sizes& s) { return (2 * at(s, "W") + 10) * activations(s); }},
      {"long_conv",
       {{"B", 16}, {"L", 784}, {"D", 128}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("u").normal({s.at("B"), s.at("L"), s.at("D")}, 0, 1, t),
                        r.fork("k").normal({s.at("D"), s.at("L")}, 0, 1, t),
                        r.fork("D").normal({s.at("D")}, 0, 1, t)};
       },
       [](const Variables& x) { return Variables{long_conv(x[0], x[1], x[2])}; },
       [](const Sizes& s) { return 2 * activations(s) + at(s, "L") * at(s, "D"); },
       [](const Sizes& s) { return 10 * activations(s) * std::log2(at(s, "L")); }},
      {"linear",
       {{"M", 2048}, {"K", 768}, {"O", 3072}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("x").normal({s.at("M"), s.at("K")}, 0, 1, t),
                        r.fork("w").normal({s.at("O"), s.at("K")}, 0, 1, t),
                        r.fork("b").normal({s.at("O")}, 0, 1, t)};
       },
       [](const Variables& x) { return Variables{linear(x[0], x[1], x[2])}; },
       [](const Sizes& s) {
         return at(s, "M") * (at(s, "K") + at(s, "O")) + at(s, "K") * at(s, "O");
       },
       [](const Sizes& s) { return 2 * at(s, "M") * at(s, "K") * at(s, "O"); }},
      {"layer_norm",
       {{"B", 16}, {"L", 784}, {"D", 128}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("x").normal({s.at("B"), s.at("L"), s.at("D")}, 0, 1, t),
                        r.fork("w").normal({s.at("D")}, 0, 1, t),
                        r.fork("b").normal({s.at("D")}, 0, 1, t)};
       },
       [](const Variables& x) { return Variables{layer_norm(x[0], x[1], x[2], 1e-5)}; },
       [](const Sizes& s) { return 2 * activations(s); },
       [](const Sizes& s) { return 8 * activations(s); }},
      {"rms_norm",
       {{"B", 4}, {"L", 2048}, {"D", 768}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("x").normal({s.at("B"), s.at("L"), s.at("D")}, 0, 1, t),
                        r.fork("w").normal({s.at("D")}, 0, 1, t)};
       },
       [](const Variables& x) { return Variables{rms_norm(x[0], x[1], 1e-5)}; },
       [](const Sizes& s) { return 2 * activations(s); },
       [](const Sizes& s) { return 4 * activations(s); }},
      {"gelu",
       {{"B", 16}, {"L", 784}, {"D", 128}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("x").normal({s.at("B"), s.at("L"), s.at("D")}, 0, 1, t)};
       },
       [](const Variables& x) { return Variables{gelu(x[0])}; },
       [](const Sizes& s) { return 2 * activations(s); },
       [](const Sizes& s) { return 20 * activations(s); }},
      {"glu",
       {{"B", 16}, {"L", 784}, {"D", 128}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("x").normal({s.at("B"), s.at("L"), 2 * s.at("D")}, 0, 1, t)};
       },
       [](const Variables& x) { return Variables{glu(x[0])}; },
       [](const Sizes& s) { return 3 * activations(s); },
       [](const Sizes& s) { return 12 * activations(s); }},
      {"cross_entropy",
       {{"B", 4}, {"L", 256}, {"V", 50280}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("x").normal({s.at("B"), s.at("L"), s.at("V")}, 0, 1, t),
                        random_ids({s.at("B"), s.at("L")}, s.at("V"), r.fork("ids"))};
       },
       [](const Variables& x) { return Variables{cross_entropy(x[0], x[1].value())}; },
       [](const Sizes& s) { return positions(s) * at(s, "V"); },
       [](const Sizes& s) { return 12 * positions(s) * at(s, "V"); }},
      {"embedding",
       {{"B", 4}, {"L", 2048}, {"D", 768}, {"V", 50280}},
       [](const Sizes& s, const Random& r, DType t) {
         return Tensors{r.fork("table").normal({s.at("V"), s.at("D")}, 0, 1, t),
                        random_ids({s.at("B"), s.at("L")}, s.at("V"), r.fork("ids"))};
       },
       [](const Variables& x) { return Variables{embedding(x[0], x[1].value())}; },
       [](const Sizes& s) { return 2 * activations(s); },
       [](const Sizes&) { return 0.0; }},
  };
  return ops;
}

}  // namespace lw
