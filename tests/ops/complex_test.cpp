#include "autograd/ops/complex.h"

#include <gtest/gtest.h>

#include <complex>

#include "autograd/gradcheck.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/random.h"
#include "tests/compare.h"

namespace lw {
namespace {

using lw::testing::error_of;
using lw::testing::expect_same_on_any_threads;

/// Complex numbers of both parts; the real type where `dtype` is real.
template <class T>
Tensor noise(const Shape& shape, uint64_t seed = 1) {
  std::vector<T> values;
  for (uint64_t i = 0; i < static_cast<uint64_t>(shape.numel()); ++i) {
    const double re = Random(seed).normal_at(2 * i), im = Random(seed).normal_at(2 * i + 1);
    if constexpr (is_complex(dtype_of<T>)) {
      values.emplace_back(static_cast<typename T::value_type>(re),
                          static_cast<typename T::value_type>(im));
    } else {
      values.push_back(static_cast<T>(re));
    }
  }
  return Tensor::from(shape, values);
}

using Function = Variable (*)(const Variable&, const Variable&);

/// Compares f with std::complex element by element; a and b have one shape.
template <class A, class B>
void expect_agrees(Function f, char op) {
  using C = std::complex<decltype(std::real(A{}))>;
  for (const Shape& shape : {Shape{1}, Shape{31}, Shape{3, 33}, Shape{0}, Shape{2, 1000}}) {
    const Tensor a = noise<A>(shape), b = noise<B>(shape, 2);
    const Tensor y = f(a, b).value().to(host).reshape({-1});
    const Tensor a_here = a.to(host), b_here = b.to(host);
    ASSERT_EQ(y.dtype(), dtype_of<C>);
    for (int64_t i = 0; i < shape.numel(); ++i) {
      const C u = a_here.data<A>()[i], v = b_here.data<B>()[i];
      const C expected = op == '+' ? u + v : op == '-' ? u - v : op == '*' ? u * v : u / v;
      const double tolerance = sizeof(C) == 8 ? 1e-6 : 1e-14;
      ASSERT_LE(std::abs(y.data<C>()[i] - expected), tolerance * (1 + std::abs(expected)));
    }
  }
}

TEST(Complex, ArithmeticAgreesWithTheStandardLibrary) {
  for (const auto& [f, op] : {std::pair{Function(add), '+'},
                              {Function(sub), '-'},
                              {Function(mul), '*'},
                              {Function(div), '/'}}) {
    expect_agrees<complex64, complex64>(f, op);
    expect_agrees<complex128, complex128>(f, op);
    expect_agrees<complex128, double>(f, op);
    expect_agrees<float, complex64>(f, op);
  }
}

TEST(Complex, PartsOfAPitchedView) {
  const Tensor whole = noise<complex64>({3, 10});
  const Variable x(whole.slice(1, 4, 9));
  const Tensor re = real(x).value().to(host), im = imag(x).value().to(host);
  const Tensor size = abs2(x).value().to(host), mirrored = conj(x).value().to(host);
  const Tensor again = complex(real(x), imag(x)).value().to(host), here = whole.to(host);
  for (int64_t r = 0; r < 3; ++r) {
    for (int64_t c = 0; c < 5; ++c) {
      const complex64 value = here.data<complex64>()[10 * r + c + 4];
      const int64_t i = 5 * r + c;
      EXPECT_EQ(re.data<float>()[i], value.real());
      EXPECT_EQ(im.data<float>()[i], value.imag());
      EXPECT_FLOAT_EQ(size.data<float>()[i], std::norm(value));
      EXPECT_EQ(again.data<complex64>()[i], value);
      EXPECT_EQ(mirrored.data<complex64>()[i], std::conj(value));
    }
  }
}

TEST(Complex, DivisionDoesNotOverflowOnTheWay) {
  const Tensor a = Tensor::from({1}, std::vector<complex64>{{1e30f, 1e30f}});
  EXPECT_EQ(div(a, a).value().to(host).data<complex64>()[0], complex64(1, 0));
}

TEST(Complex, GradientsAgreeWithCentralDifferences) {
  const std::vector<std::pair<Shape, Shape>> pairs{
      {{7}, {7}}, {{3, 5}, {5}}, {{3, 5}, {3, 1}}, {{2, 1, 4}, {5, 1}}, {{4}, {}}};
  const Tensor three = Tensor::full({}, 3, DType::c128);
  for (const auto& [a, b] : pairs) {
    for (const Function f : {Function(add), Function(sub), Function(mul), Function(div)}) {
      // The shift keeps divisors away from 0.
      const auto g = [&](const Variables& v) { return f(v[0], v[1] + 5.0); };
      check_gradients(g, {noise<complex128>(a), noise<complex128>(b, 5)});
      check_gradients(g, {noise<double>(a), noise<complex128>(b, 5)});
      check_gradients(g, {noise<complex128>(b), noise<double>(a, 5)});
    }
    check_gradients([](const Variables& v) { return complex(v[0], v[1]); },
                    {noise<double>(a), noise<double>(b, 2)});
  }
  const Tensor x = noise<complex128>({3, 4});
  for (Variable (*f)(const Variable&) :
       {&real, &imag, &lw::conj, &abs2, &neg, &lw::exp, &lw::expm1})
    check_gradients([f](const Variables& v) { return f(v[0]); }, {x});
  check_gradients(
      [&](const Variables& v) {
        return real(lw::exp(v[0] * 0.5) * (2.0 - v[0] * Variable(three)));
      },
      {x});
}

TEST(Complex, ExpMinusOneLosesNothing) {
  for (const complex128 z : {complex128(1e-9, 2e-9), complex128(-30, 1.2), complex128(0.3, -2)}) {
    const Variable x(Tensor::from({1}, std::vector<complex128>{z}), true);
    const Variable y = expm1(x);
    const complex128 expected =  // the series where it is needed
        std::abs(z) < 1e-6 ? z * (1. + z / 2.) : std::exp(z) - 1.;
    EXPECT_LE(std::abs(y.value().to(host).data<complex128>()[0] - expected),
              1e-15 * std::abs(expected));
    real(y).backward(Tensor::full({1}, 1, DType::f64));
    const complex128 slope = std::conj(std::exp(z));
    EXPECT_LE(std::abs(x.grad().to(host).data<complex128>()[0] - slope), 1e-15 * std::abs(slope));
  }
}

TEST(Complex, GradientOfARealLossIsThatOfBothParts) {
  const Variable z(Tensor::from({1}, std::vector<complex128>{{3, 4}}), true);
  sum(abs2(z)).backward();
  EXPECT_EQ(z.grad().to(host).data<complex128>()[0], complex128(6, 8));
}

TEST(Complex, HasTheSameBitsOnAnyNumberOfThreads) {
  const Tensor a = noise<complex64>({300, 200}), b = noise<complex64>({200}, 2);
  expect_same_on_any_threads([&] {
    const Variable x(a, true), y(b, true);
    const Variable z = lw::exp(x * y);
    z.backward(a);
    return Tensors{z.value(), x.grad(), y.grad()};
  });
}

TEST(Complex, SaysWhatItExpected) {
  const Tensor c = noise<complex64>({2}), r = Tensor::zeros({2}, DType::f64);
  EXPECT_EQ(error_of([&] { real(r); }), "real: expected a complex value, received f64 [2]");
  EXPECT_EQ(error_of([&] { mul(c, r); }),
            "mul: expected two values of one precision, received c64 [2] and f64 [2]");
  EXPECT_EQ(error_of([&] { tanh(c); }), "tanh: expected a real value, received c64 [2]");
}

}  // namespace
}  // namespace lw
