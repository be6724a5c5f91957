// Matrix products as cuBLASLt would compute them, term by term.
#include <algorithm>
#include <vector>

#include "core/cuda_blas.h"
#include "tests/emulator/emulated_memory.h"
#include "tests/emulator/emulator.h"

namespace lw::cuda {
namespace {

template <class T>
using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;

/// Matrix `i` of op(x), of the given size, with its rows one after the other; or its columns.
template <class In>
std::vector<Sum<In>> widened(const GemmOperand& x, int64_t i, int64_t rows, int64_t columns,
                             bool by_columns) {
  const In* data = static_cast<const In*>(x.data) + i * x.step;
  std::vector<Sum<In>> result;
  result.reserve(static_cast<size_t>(rows * columns));
  const auto add = [&](int64_t r, int64_t c) {
    result.push_back(
        static_cast<Sum<In>>(x.transposed ? data[c + r * x.pitch] : data[r + c * x.pitch]));
  };
  if (by_columns) {
    for (int64_t c = 0; c < columns; ++c)
      for (int64_t r = 0; r < rows; ++r) add(r, c);
  } else {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) add(r, c);
  }
  return result;
}

template <class In, class Out>
void multiply(const Gemm& g) {
  using T = Sum<In>;
  const auto alpha = static_cast<T>(g.alpha), beta = static_cast<T>(g.beta);
  for (int64_t i = 0; i < g.batch; ++i) {
    const auto a = widened<In>(g.a, i, g.m, g.k, false), b = widened<In>(g.b, i, g.k, g.n, true);
    Out* c = static_cast<Out*>(g.c) + i * g.c_step;
    for (int64_t column = 0; column < g.n; ++column)
      for (int64_t row = 0; row < g.m; ++row) {
        const T *x = a.data() + row * g.k, *y = b.data() + column * g.k;
        T sum = 0;
        for (int64_t l = 0; l < g.k; ++l) sum += x[l] * y[l];
        Out& out = c[row + column * g.c_pitch];
        sum *= alpha;
        if (beta != 0) sum += beta * static_cast<T>(out);
        if (g.bias != nullptr) sum += static_cast<T>(static_cast<const Out*>(g.bias)[row]);
        out = static_cast<Out>(sum);
      }
  }
}

void check_operand(const GemmOperand& x, int64_t rows, int64_t columns) {
  check(emulator::is_device_memory(x.data) && x.data != nullptr,
        "emulator: a product was given a pointer to host memory");
  check(x.pitch >= (x.transposed ? columns : rows), "emulator: columns of a matrix overlap");
}

void compute(const Gemm& g) {
  const emulator::MemoryAccess access;
  if (g.operands == DType::f32 && g.result == DType::f32) return multiply<float, float>(g);
  if (g.operands == DType::bf16 && g.result == DType::f32) return multiply<bfloat16, float>(g);
  if (g.operands == DType::bf16 && g.result == DType::bf16) return multiply<bfloat16, bfloat16>(g);
  check(g.operands == DType::f64 && g.result == DType::f64 && g.bias == nullptr,
        "emulator: cuBLASLt has no such product");
  multiply<double, double>(g);
}

}  // namespace

void gemm(const Gemm& g) {
  check(std::min({g.m, g.n, g.k, g.batch}) >= 1, "emulator: a product of nothing");
  check_operand(g.a, g.m, g.k);
  check_operand(g.b, g.k, g.n);
  check_operand({g.c, g.c_pitch}, g.m, g.n);
  check(emulator::is_device_memory(g.bias), "emulator: a product was given a bias of the host");
  emulator::submit([g] { compute(g); });
}

}  // namespace lw::cuda
