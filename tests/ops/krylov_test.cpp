#include "autograd/ops/krylov.h"

#include <gtest/gtest.h>

#include "autograd/gradcheck.h"
#include "core/random.h"
#include "tests/compare.h"
#include "tests/reference/dense_scan.h"

namespace lw {
namespace {

struct System {
  Tensor A, B, C;
};

System system_of(int64_t channels, int64_t N, int64_t outputs, DType dtype) {
  const double contracting = 0.6 / std::sqrt(static_cast<double>(N));
  return {Random(2).normal({channels, N, N}, 0, contracting, dtype),
          Random(3).normal({channels, N}, 0, 1, dtype),
          Random(4).normal({channels, outputs, N}, 0, 1, dtype)};
}

/// The answer of the recurrence to an input of 1.
Tensor reference_of(const System& s, int64_t time) {
  const int64_t channels = s.A.size(0), outputs = s.C.size(1);
  Tensor impulse = Tensor::zeros({1, time, channels}, DType::f64, host);
  impulse.slice(1, 0, 1).fill(1);
  const Tensor y = reference::dense_scan({impulse, s.A, s.B, s.C}).y;
  const DeviceScope on_host(host);
  Tensor K = Tensor::empty({channels, outputs, time}, DType::f64);
  for (int64_t t = 0; t < time; ++t)
    for (int64_t h = 0; h < channels; ++h)
      for (int64_t m = 0; m < outputs; ++m)
        K.view<double, 3>()(h, m, t) = y.view<double, 4>()(0, t, h, m);
  return K;
}

TEST(Krylov, IsTheAnswerToAnImpulse) {
  for (const int64_t time : {1, 2, 3, 4, 7, 16, 17, 63, 64, 100, 257})
    for (const DType dtype : {DType::f32, DType::f64}) {
      SCOPED_TRACE(str(time, " ", dtype));
      const System s = system_of(2, 5, 1 + time % 2, dtype);
      testing::expect_close(krylov(s.A, s.B, s.C, time).value(), reference_of(s, time),
                            dtype == DType::f32 ? 1e-5 : 1e-13);
    }
}

TEST(Krylov, GradientsAgreeWithCentralDifferences) {
  for (const int64_t time : {1, 5, 16, 70}) {
    const System s = system_of(2, 4, 2, DType::f64);
    check_gradients([&](const Variables& v) { return krylov(v[0], v[1], v[2], time); },
                    {s.A, s.B, s.C});
  }
}

TEST(Krylov, HasTheSameBitsOnAnyNumberOfThreads) {
  const System s = system_of(5, 17, 1, DType::f32);
  testing::expect_same_on_any_threads([&] {
    Variables v;
    for (const Tensor& t : {s.A, s.B, s.C}) v.emplace_back(t, true);
    const Variable K = krylov(v[0], v[1], v[2], 100);
    K.backward(Random(7).normal(K.shape()));
    return Tensors{K.value(), v[0].grad(), v[1].grad(), v[2].grad()};
  });
}

TEST(Krylov, RefusesATimeOfZero) {
  const System s = system_of(1, 2, 1, DType::f32);
  EXPECT_EQ(testing::error_of([&] { krylov(s.A, s.B, s.C, 0); }),
            "krylov: expected a time of at least 1, received 0");
}

}  // namespace
}  // namespace lw
