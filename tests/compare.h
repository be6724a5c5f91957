// Comparisons that several tests make: closeness, equal bits, equal bits on any number of threads,
// the text of an error.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "core/parallel.h"
#include "core/tensor.h"

namespace lw::testing {

/// |actual - expected| <= tolerance max(1, |expected|) in every element; a NaN is never close.
inline void expect_close(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.shape(), expected.shape());
  const auto a = actual.to_vector(), e = expected.to_vector();
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_TRUE(std::abs(a[i] - e[i]) <= tolerance * std::max(1., std::abs(e[i])))
        << "element " << i << " of " << actual << ": " << a[i] << ", expected " << e[i];
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  const Tensor x = a.to(host).contiguous(), y = b.to(host).contiguous();
  return x.shape() == y.shape() && x.dtype() == y.dtype() &&
         std::memcmp(x.raw(), y.raw(), static_cast<size_t>(x.bytes())) == 0;
}

/// The tensors that f gives have the same bits on 1, 2 and 3 threads.
inline void expect_same_on_any_threads(const std::function<Tensors()>& f) {
  const int before = num_threads();
  set_num_threads(1);
  const Tensors expected = f();
  for (const int threads : {2, 3}) {
    set_num_threads(threads);
    const Tensors actual = f();
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_TRUE(same_bits(actual[i], expected[i])) << "result " << i << ", threads " << threads;
  }
  set_num_threads(before);
}

/// The message of the Error that f throws.
inline std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace lw::testing
