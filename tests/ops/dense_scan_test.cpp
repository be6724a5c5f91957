#include "autograd/ops/dense_scan.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/shape.h"
#include "core/random.h"
#include "tests/arguments.h"
#include "tests/compare.h"
#include "tests/reference/dense_scan.h"

namespace lw {
namespace {

using testing::pitched;

struct Case {
  int64_t batch, time, channels, N, outputs;
};

Tensor resets_of(int64_t batch, int64_t time) {
  std::vector<uint8_t> resets;
  for (int64_t i = 0; i < batch * time; ++i)
    resets.push_back(Random(9).uniform_at(static_cast<uint64_t>(i)) < 0.1);
  return Tensor::from({batch, time}, resets);
}

kernels::DenseScan arguments(const Case& c, DType dtype, bool all) {
  const double contracting = 0.6 / std::sqrt(static_cast<double>(c.N));
  kernels::DenseScan in{Random(1).normal({c.batch, c.time, c.channels}, 0, 1, dtype),
                        Random(2).normal({c.channels, c.N, c.N}, 0, contracting, dtype),
                        Random(3).normal({c.channels, c.N}, 0, 1, dtype),
                        Random(4).normal({c.channels, c.outputs, c.N}, 0, 1, dtype)};
  if (all) {
    in.state = Random(5).normal({c.batch, c.channels, c.N}, 0, 1, dtype);
    in.resets = resets_of(c.batch, c.time);
  }
  return in;
}

DenseScanResult scan(const kernels::DenseScan& in) {
  return dense_scan(in.u, in.A, in.B, in.C,
                    {.state = in.state ? Variable(in.state) : Variable(), .resets = in.resets});
}

TEST(DenseScan, AgreesWithTheReference) {
  for (const Case& c :
       {Case{1, 1, 1, 1, 1}, Case{5, 7, 3, 4, 2}, Case{4, 65, 2, 17, 1}, Case{9, 3, 2, 33, 17},
        Case{1, 130, 1, 31, 3}, Case{2, 2, 1, 63, 1}, Case{1, 64, 1, 32, 1}, Case{0, 4, 2, 3, 1},
        Case{2, 0, 2, 3, 1}, Case{2, 3, 0, 3, 1}})
    for (const DType dtype : {DType::f32, DType::f64})
      for (const bool all : {false, true}) {
        SCOPED_TRACE(str(dtype, " ", c.batch, " ", c.time, " ", c.N, " ", all));
        kernels::DenseScan in = arguments(c, dtype, all);
        const reference::DenseScan expected = reference::dense_scan(in);
        for (Tensor* t : {&in.u, &in.A, &in.B, &in.C, &in.state}) *t = pitched(*t);
        const auto [y, state] = scan(in);
        const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-13;
        testing::expect_close(y.value(), expected.y, tolerance);
        testing::expect_close(state.value(), expected.state, tolerance);
      }
}

TEST(DenseScan, GradientsAgreeWithCentralDifferences) {
  for (const Case& c : {Case{2, 5, 3, 4, 1}, Case{5, 6, 2, 3, 2}, Case{1, 70, 1, 5, 2},
                        Case{2, 3, 1, 33, 9}, Case{1, 1, 2, 2, 1}, Case{2, 0, 2, 3, 1}})
    for (const bool all : {false, true}) {
      SCOPED_TRACE(str(c.batch, " ", c.time, " ", c.N, " ", all));
      const kernels::DenseScan in = arguments(c, DType::f64, all);
      const auto f = [&](const Variables& v) {
        const auto [y, state] =
            dense_scan(v[0], v[1], v[2], v[3], {.state = v[4], .resets = in.resets});
        return Variables{y, state};
      };
      check_gradients(f, {in.u, in.A, in.B, in.C, in.state});
    }
}

TEST(DenseScan, ChunksAndStepsGiveTheSameBits) {
  const kernels::DenseScan in = arguments({5, 70, 2, 9, 2}, DType::f32, true);
  const DenseScanResult whole = scan(in);
  for (const int64_t size : {1, 33}) {
    kernels::DenseScan part = in;
    Variables ys;
    for (int64_t begin = 0; begin < 70; begin += size) {
      const int64_t end = std::min<int64_t>(70, begin + size);
      part.u = in.u.slice(1, begin, end);
      part.resets = in.resets.slice(1, begin, end);
      const auto [y, state] = scan(part);
      ys.push_back(y);
      part.state = state.value();
    }
    EXPECT_TRUE(testing::same_bits(concat(ys, 1).value(), whole.y.value()));
    EXPECT_TRUE(testing::same_bits(part.state, whole.state.value()));
  }
}

TEST(DenseScan, ARowDoesNotDependOnTheOthers) {
  kernels::DenseScan in = arguments({6, 20, 2, 9, 1}, DType::f32, true);
  const Tensor all = scan(in).y.value();
  in.u = in.u.slice(0, 1, 2), in.state = in.state.slice(0, 1, 2);
  in.resets = in.resets.slice(0, 1, 2);
  EXPECT_TRUE(testing::same_bits(scan(in).y.value(), all.slice(0, 1, 2)));
}

TEST(DenseScan, AResetKeepsWhatWasBeforeFromLaterDocuments) {
  kernels::DenseScan in = arguments({1, 10, 2, 5, 1}, DType::f32, true);
  std::vector<uint8_t> marks(10);
  marks[4] = 1;
  in.resets = Tensor::from({1, 10}, marks);
  in.u.slice(1, 0, 4).fill(NAN);
  const DenseScanResult packed = scan(in);
  in.u = in.u.slice(1, 4, 10), in.state = {}, in.resets = {};
  EXPECT_TRUE(testing::same_bits(packed.y.value().slice(1, 4, 10), scan(in).y.value()));
}

TEST(DenseScan, HasTheSameBitsOnAnyNumberOfThreads) {
  const kernels::DenseScan in = arguments({5, 40, 7, 9, 2}, DType::f32, true);
  testing::expect_same_on_any_threads([&] {
    Variables v;
    for (const Tensor& t : {in.u, in.A, in.B, in.C, in.state}) v.emplace_back(t, true);
    const auto [y, state] =
        dense_scan(v[0], v[1], v[2], v[3], {.state = v[4], .resets = in.resets});
    y.backward(Random(7).normal(y.shape()));
    Tensors results{y.value(), state.value()};
    for (const Variable& x : v) results.push_back(x.grad());
    return results;
  });
}

TEST(DenseScan, RefusesAStateMatrixThatIsNotSquare) {
  kernels::DenseScan in = arguments({1, 2, 3, 4, 1}, DType::f32, false);
  in.A = Tensor::zeros({3, 4, 5});
  EXPECT_EQ(testing::error_of([&] { scan(in); }),
            "dense_scan: axis `state` of `A` is 5, expected 4\n"
            "  expected  A [channel, state, state] = [3, 4, 4]\n"
            "  received  A                         = [3, 4, 5]\n"
            "  because   A [channel, state, state] = [3, 4, 5]");
}

}  // namespace
}  // namespace lw
