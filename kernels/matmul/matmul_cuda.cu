// Matrix products on a GPU: cuBLASLt, a batch at a time. See README.md.
#include <vector>

#include "core/cuda_blas.h"
#include "kernels/matmul/check.h"
#include "kernels/sum_rows_cuda.h"

namespace lw::kernels {
namespace {

/// Products side by side: the same step from each to the next, in A, B and C.
struct Batch {
  int64_t size = 1, a = 0, b = 0, c = 0;

  bool continues(const Batch& inner) const {
    return a == inner.size * inner.a && b == inner.size * inner.b && c == inner.size * inner.c;
  }
};

/// The leading axes of C, neighbours joined where the steps allow it; the longest comes first.
std::vector<Batch> batches(const Tensor& a, const Tensor& b, const Tensor& c) {
  std::vector<Batch> result{Batch()};
  for (int axis = c.rank() - 3; axis >= 0; --axis) {
    const auto step = [&](const Tensor& t) {
      const int own = axis - (c.rank() - t.rank());
      return own < 0 || t.size(own) == 1 ? 0 : t.stride(own);
    };
    const Batch next{c.size(axis), step(a), step(b), step(c)};
    Batch& inner = result.back();
    if (next.size == 1) continue;
    if (inner.size == 1) {
      inner = next;
    } else if (next.continues(inner)) {
      inner.size *= next.size;
    } else {
      result.push_back(next);
    }
  }
  for (Batch& batch : result)
    if (batch.size > result[0].size) std::swap(batch, result[0]);
  return result;
}

/// C <- beta C + bias
template <class T>
__global__ void scale_kernel(T* c, Batch batch, int64_t m, int64_t n, int64_t pitch, T beta,
                             const T* bias) {
  const int64_t i = cuda::thread_number(), row = i / n, column = i % n;
  if (row >= batch.size * m) return;
  T& out = c[row / m * batch.c + row % m * pitch + column];
  out = (beta == 0 ? T{0} : beta * out) + (bias != nullptr ? bias[column] : T{0});
}

void scale(void* c, const Batch& batch, const ProductSize& s, const Tensor& like, double beta,
           const Tensor& bias) {
  for_float("matmul with k = 0", like.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(scale_kernel<T>, cuda::cover(batch.size * s.m * s.n), static_cast<T*>(c), batch,
                 s.m, s.n, row_pitch(like), static_cast<T>(beta), bias ? bias.data<T>() : nullptr);
  });
}

const std::byte* element(const Tensor& t, int64_t index) {
  return static_cast<const std::byte*>(t.raw()) + index * size_of(t.dtype());
}

/// One strided batch of products, whose first matrices lie at these elements. A row-major matrix is
/// the transpose of a column-major one, and C^T = op(B)^T op(A)^T.
void product(const Tensor& a, const Tensor& b, const MatmulOptions& o, Tensor& c,
             const ProductSize& s, const Batch& batch, const Batch& first) {
  auto* out = const_cast<std::byte*>(element(c, first.c));
  const bool apart = o.bias.defined() && c.dtype() == DType::f64;  // what cuda::gemm does not add
  if (apart || s.k == 0) scale(out, batch, s, c, o.beta, o.bias);
  if (s.k == 0) return;
  cuda::gemm({.operands = a.dtype(),
              .result = c.dtype(),
              .m = s.n,
              .n = s.m,
              .k = s.k,
              .batch = batch.size,
              .a = {element(b, first.b), row_pitch(b), o.transpose_b, batch.b},
              .b = {element(a, first.a), row_pitch(a), o.transpose_a, batch.a},
              .c = out,
              .c_pitch = row_pitch(c),
              .c_step = batch.c,
              .bias = o.bias.defined() && !apart ? o.bias.raw() : nullptr,
              .alpha = o.alpha,
              .beta = apart ? 1 : o.beta,
              .tf32 = o.tf32 && a.dtype() == DType::f32});
}

void matmul_cuda(const Tensor& a, const Tensor& b, const MatmulOptions& options, Tensor& c) {
  const ProductSize s = checked_product(a, b, options, c);
  if (c.numel() == 0) return;
  MatmulOptions o = options;
  if (o.bias.defined() && c.dtype() == DType::bf16 && s.k > 0) o.bias = o.bias.to(DType::bf16);
  const std::vector<Batch> all = batches(a, b, c);
  int64_t count = 1;
  for (size_t axis = 1; axis < all.size(); ++axis) count *= all[axis].size;
  for (int64_t i = 0; i < count; ++i) {
    Batch first;
    int64_t rest = i;
    for (size_t axis = 1; axis < all.size(); ++axis) {
      const int64_t index = rest % all[axis].size;
      rest /= all[axis].size;
      first.a += index * all[axis].a, first.b += index * all[axis].b,
          first.c += index * all[axis].c;
    }
    product(a, b, o, c, s, all[0], first);
  }
}

void column_sums_cuda(const Tensor& x, Tensor& y) {
  check_column_sums(x, y);
  for_float("column_sums", x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sum_rows(RowPlan(x), RowValue<T>{x.view<const T, 2>()}, y);
  });
}

const Implementation matmul_registered{matmul, DeviceKind::cuda, &matmul_cuda};
const Implementation column_sums_registered{column_sums, DeviceKind::cuda, &column_sums_cuda};

}  // namespace
}  // namespace lw::kernels
