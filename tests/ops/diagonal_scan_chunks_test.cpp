// diagonal_scan over many regular steps without resets, which a GPU computes in chunks of 16 steps, 16 sequences and 8
// channels, and segments of 64 steps and more.
#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape.h"
#include "tests/ops/diagonal_scan_cases.h"

namespace lw {
namespace {

using testing::initial_state;
using testing::parts;
using testing::pitched;
using testing::scan;
using testing::scan_arguments;
using testing::ScanCase;

constexpr int64_t around_chunks[] = {15, 16, 17, 31, 32, 33, 53};

void expect_the_reference(const ScanCase& c, DType dtype, bool started) {
  SCOPED_TRACE(str(dtype, " ", str_of(c), " ", started));
  kernels::DiagonalScan in = scan_arguments(c, dtype);
  if (started) in.state = initial_state(c, dtype);
  in.conjugate_pairs = !started;
  const reference::DiagonalScan expected = reference::diagonal_scan(in);
  for (Tensor* t : {&in.u, &in.A, &in.B, &in.C, &in.state}) *t = pitched(*t);
  const auto [y, state] = scan(in);
  const double tolerance = dtype == DType::f32 ? 5e-6 : 1e-13;
  testing::expect_close(y.value(), expected.y, tolerance);
  testing::expect_close(parts(state.value()), parts(expected.state), tolerance);
}

TEST(DiagonalScanChunks, AgreeWithTheReferenceAroundTheirBounds) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const bool started : {false, true})
      for (const int64_t time : around_chunks)
        for (const ScanCase& c : {ScanCase{1, time, 1, 1}, ScanCase{3, time, 3, 5},
                                  ScanCase{1, time, 33, 32}, ScanCase{3, time, 1, 32}})
          expect_the_reference(c, dtype, started);
}

TEST(DiagonalScanChunks, AgreeWithTheReferenceInSegmentsBlocksAndGroupsOfStates) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const bool started : {false, true})
      for (const ScanCase& c :
           {ScanCase{1, 127, 3, 5}, ScanCase{2, 128, 3, 5}, ScanCase{3, 333, 2, 12},
            ScanCase{40, 150, 9, 3}, ScanCase{1, 1000, 1, 9}, ScanCase{1, 40, 3, 37}})
        expect_the_reference(c, dtype, started);
}

TEST(DiagonalScanChunks, FollowModesThatHardlyDecay) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const ScanCase c{1, 3000, 2, 3};
    kernels::DiagonalScan in = scan_arguments(c, dtype);
    const Tensor phases = Random(7).uniform({2, 3}, 0, 3, dtype).to(host);
    std::vector<complex128> poles;
    for (const double phase : phases.to_vector()) poles.push_back(std::polar(0.9995, phase));
    in.A = Tensor::from({2, 3}, poles).to(complex_of(dtype)).to(default_device());
    const reference::DiagonalScan expected = reference::diagonal_scan(in);
    const double tolerance = dtype == DType::f32 ? 2e-5 : 1e-12;
    testing::expect_close(scan(in).y.value(), expected.y, tolerance);
  }
}

TEST(DiagonalScanChunks, GradientsAgreeWithCentralDifferences) {
  for (const ScanCase& c : {ScanCase{1, 15, 1, 1}, ScanCase{3, 16, 3, 5}, ScanCase{1, 17, 3, 5},
                            ScanCase{3, 31, 1, 32}, ScanCase{3, 32, 3, 5}, ScanCase{1, 33, 33, 1},
                            ScanCase{1, 32, 3, 32}, ScanCase{3, 53, 3, 9}, ScanCase{1, 53, 1, 1},
                            ScanCase{1, 127, 2, 3}, ScanCase{1, 150, 2, 9}, ScanCase{33, 32, 1, 2}})
    for (const bool pairs : {false, true}) {
      SCOPED_TRACE(str(str_of(c), " ", pairs));
      const kernels::DiagonalScan in = scan_arguments(c, DType::f64);
      const auto f = [&](const Variables& v) {
        const auto [y, state] =
            diagonal_scan(v[0], v[1], v[2], v[3], {.state = v[4], .conjugate_pairs = pairs});
        return Variables{y, state};
      };
      const Tensor state = pairs ? Tensor() : initial_state(c, DType::f64);
      check_gradients(f, {in.u, in.A, in.B, in.C, state}, {.step = 1e-6});
    }
}

Tensors gradients(const kernels::DiagonalScan& in, DType dtype) {
  const DType complex = complex_of(dtype);
  const Variable u(pitched(in.u.to(dtype)), true), A(pitched(in.A.to(complex)), true),
      B(pitched(in.B.to(complex)), true), C(pitched(in.C.to(complex)), true),
      state(pitched(in.state.to(complex)), true);
  const auto [y, last] = diagonal_scan(u, A, B, C, {.state = state});
  y.backward(Random(5).normal(y.shape()).to(dtype));
  return {y.value(), u.grad(), A.grad(), B.grad(), C.grad(), state.grad()};
}

TEST(DiagonalScanChunks, GradientsInF32AreThoseInF64) {
  for (const ScanCase& c : {ScanCase{3, 53, 3, 5}, ScanCase{3, 333, 9, 33}}) {
    kernels::DiagonalScan in = scan_arguments(c, DType::f32);
    in.state = initial_state(c, DType::f32);
    const Tensors narrow = gradients(in, DType::f32), wide = gradients(in, DType::f64);
    for (size_t i = 0; i < narrow.size(); ++i) {
      SCOPED_TRACE(i);
      const auto [a, b] = std::pair(parts(narrow[i]), parts(wide[i]));
      double largest = 0, error = 0;
      const auto x = a.to_vector(), expected = b.to_vector();
      for (size_t j = 0; j < x.size(); ++j) {
        largest = std::max(largest, std::abs(expected[j]));
        error = std::max(error, std::abs(x[j] - expected[j]));
      }
      EXPECT_LE(error, 2e-6 * largest);
    }
  }
}

TEST(DiagonalScanChunks, PiecesHandTheStateOn) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const ScanCase c{2, 333, 9, 3};
    const kernels::DiagonalScan in = scan_arguments(c, dtype);
    const DiagonalScanResult whole = scan(in);
    for (const std::vector<int64_t>& sizes :
         {std::vector<int64_t>{1, 332}, {332, 1}, {31, 32, 270}, {100, 133, 100}}) {
      kernels::DiagonalScan part = in;
      Variables ys;
      int64_t begin = 0;
      for (const int64_t size : sizes) {
        part.u = in.u.slice(1, begin, begin + size);
        const auto [y, state] = scan(part);
        ys.push_back(y);
        part.state = state.value();
        begin += size;
      }
      const double tolerance = dtype == DType::f32 ? 5e-6 : 1e-13;
      testing::expect_close(concat(ys, 1).value(), whole.y.value(), tolerance);
      testing::expect_close(parts(part.state), parts(whole.state.value()), tolerance);
    }
  }
}

TEST(DiagonalScanChunks, NothingLaterIsReadAndEveryRunHasTheSameBits) {
  const kernels::DiagonalScan in = scan_arguments({2, 150, 9, 3}, DType::f32);
  kernels::DiagonalScan changed = in;
  changed.u = in.u.clone();
  changed.u.slice(1, 70, 150).fill(5);
  const Tensor y = scan(in).y.value();
  EXPECT_TRUE(testing::same_bits(y, scan(in).y.value()));
  EXPECT_TRUE(testing::same_bits(y.slice(1, 0, 70), scan(changed).y.value().slice(1, 0, 70)));
  for (const DType dtype : {DType::f32, DType::f64}) {
    kernels::DiagonalScan started = scan_arguments({3, 150, 3, 5}, dtype);
    started.state = initial_state({3, 150, 3, 5}, dtype);
    const Tensors once = gradients(started, dtype), again = gradients(started, dtype);
    for (size_t i = 0; i < once.size(); ++i) EXPECT_TRUE(testing::same_bits(once[i], again[i]));
  }
}

}  // namespace
}  // namespace lw
