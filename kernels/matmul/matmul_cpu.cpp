#include "kernels/matmul/matmul.h"

#include <algorithm>

#include "core/parallel.h"
#include "kernels/add_to_cpu.h"
#include "kernels/matmul/tile_cpu.h"

namespace lw::kernels {
namespace {

constexpr double task_cost = 16e6;  // operations that are worth a task of their own

int64_t parts(int64_t size, int64_t largest) { return (size + largest - 1) / largest; }

/// `size` cut evenly into pieces of at most `largest`, each a multiple of `unit`.
int64_t even_piece(int64_t size, int64_t largest, int64_t unit) {
  const int64_t piece = parts(size, parts(size, largest));
  return std::min(size, parts(piece, unit) * unit);
}

/// How a product is cut: a function of the shape alone.
struct Plan {
  int64_t m, n;           // of a tile of C
  int64_t k, splits;      // of a part of the sum, and the number of parts
  int64_t rows, columns;  // tiles of C, down and across
  int64_t grain;          // tiles a task

  Plan(TileShape s, int64_t batch, bool may_split) {
    // An element moved is counted as forty operations, the ratio of the two speeds of a core.
    const auto cost = [](TileShape t) {
      const auto m = static_cast<double>(t.m), n = static_cast<double>(t.n),
                 k = static_cast<double>(t.k);
      return 2 * m * n * k + 40 * (m * k + k * n + m * n);
    };
    const double total = cost(s), target = std::clamp(total / 8, task_cost, 6e8);
    m = s.m, n = s.n, k = s.k, splits = 1;
    if (total > task_cost) {
      n = even_piece(s.n, 768, 48);
      m = largest(128, s.m, [&](int64_t rows) { return cost({rows, n, s.k}) <= target; });
      m = even_piece(s.m, m, 8);
      if (m == s.m)
        n = largest(96, n, [&](int64_t columns) { return cost({m, columns, s.k}) <= target; });
      n = even_piece(s.n, n, 48);
    }
    rows = parts(s.m, m), columns = parts(s.n, n);
    const int64_t tiles = rows * columns * batch;
    if (may_split && batch == 1 && tiles < 8 && s.k >= 2048 && total > 2 * task_cost) {
      k = even_piece(s.k, std::max<int64_t>(1024, s.k * tiles / 8), 64);
      splits = parts(s.k, k);
    }
    grain = std::max<int64_t>(1, static_cast<int64_t>(task_cost / cost({m, n, k})));
  }

 private:
  /// The largest size in [least, most] for which `fits` holds; `least` (or `most`) if none does.
  template <class F>
  static int64_t largest(int64_t least, int64_t most, F&& fits) {
    int64_t size = std::min(least, most);
    while (2 * size <= most && fits(2 * size)) size *= 2;
    return fits(most) ? most : size;
  }
};

/// Where batch element number `index` (counted over the leading axes of `batch`) of t begins.
int64_t batch_offset(const Tensor& t, const Shape& batch, int64_t index) {
  const int own = t.rank() - 2, all = batch.rank() - 2;
  int64_t offset = 0;
  for (int i = 0; i < all; ++i) {
    const int64_t size = batch[all - 1 - i], coordinate = index % size;
    index /= size;
    if (i < own && t.size(own - 1 - i) != 1) offset += coordinate * t.stride(own - 1 - i);
  }
  return offset;
}

template <class T>
Matrix<T> matrix(const Tensor& t, bool transposed, const Shape& batch, int64_t index) {
  using Element = std::remove_const_t<T>;
  return {t.data<Element>() + batch_offset(t, batch, index), row_pitch(t), transposed};
}

template <class In, class Out>
void product(const Tensor& a, const Tensor& b, const MatmulOptions& o, Tensor& c, TileShape s) {
  const int64_t batch = c.numel() / (s.m * s.n);
  const Plan plan(s, batch, /*may_split=*/!std::is_same_v<Out, bfloat16>);
  using Sum = std::conditional_t<std::is_same_v<Out, bfloat16>, float, Out>;
  const Sum* bias = o.bias.defined() ? o.bias.data<Sum>() : nullptr;
  Tensor later;  // the parts of the sum after the first
  if (plan.splits > 1) later = Tensor::empty({plan.splits - 1, s.m, s.n}, dtype_of<Out>, host);

  const int64_t tiles = plan.rows * plan.columns;
  parallel_for(batch * plan.splits * tiles, plan.grain, [&](int64_t begin, int64_t end) {
    const OneThread one_thread;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t element = task / (plan.splits * tiles), part = task / tiles % plan.splits;
      const int64_t i = task % tiles / plan.columns * plan.m, j = task % plan.columns * plan.n;
      const int64_t l = part * plan.k;
      const TileShape t{std::min(plan.m, s.m - i), std::min(plan.n, s.n - j),
                        std::min(plan.k, s.k - l)};
      const auto A = matrix<const In>(a, o.transpose_a, c.shape(), element).at(i, l);
      const auto B = matrix<const In>(b, o.transpose_b, c.shape(), element).at(l, j);
      if (part > 0) {
        const Matrix<Out> C{later.data<Out>() + (part - 1) * s.m * s.n, s.n};
        multiply(t, o.alpha, A, B, 0, C.at(i, j));
        continue;
      }
      const auto C = matrix<Out>(c, false, c.shape(), element).at(i, j);
      double beta = o.beta;
      if (bias) {
        for (int64_t row = 0; row < t.m; ++row) {
          Out* out = C.data + row * C.pitch;
          if constexpr (std::is_same_v<Sum, Out>) {
            if (beta == 0) {
              std::copy_n(bias + j, t.n, out);
              continue;
            }
          }
          for (int64_t column = 0; column < t.n; ++column) {
            const Sum before = beta == 0 ? Sum(0) : Sum(beta) * static_cast<Sum>(out[column]);
            out[column] = Out(before + bias[j + column]);
          }
        }
        beta = 1;
      }
      multiply(t, o.alpha, A, B, beta, C);
    }
  });

  if (plan.splits == 1) return;
  if constexpr (!std::is_same_v<Out, bfloat16>) {
    const Matrix<Out> C = matrix<Out>(c, false, c.shape(), 0);
    parallel_for(s.m, parts(1 << 15, s.n), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        for (int64_t part = 0; part + 1 < plan.splits; ++part)
          add_to(C.data + row * C.pitch, later.data<Out>() + (part * s.m + row) * s.n, s.n);
    });
  }
}

/// beta C + bias: what remains where k = 0.
void empty_sum(const MatmulOptions& o, Tensor& c) {
  for_float("matmul with k = 0", c.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor rows = c.rows();
    check(rows.shares_storage(c), "matmul: the rows of C are not equally spaced");
    const auto out = rows.view<T, 2>();
    for (int64_t i = 0; i < out.sizes[0]; ++i)
      for (int64_t j = 0; j < out.sizes[1]; ++j)
        out(i, j) = (o.beta == 0 ? T(0) : static_cast<T>(o.beta) * out(i, j)) +
                    (o.bias.defined() ? o.bias.data<T>()[j] : T(0));
  });
}

void matmul_cpu(const Tensor& a, const Tensor& b, const MatmulOptions& o, Tensor& c) {
  const ProductSize s = checked_product(a, b, o, c);
  if (c.numel() == 0) return;
  if (s.k == 0) return empty_sum(o, c);
  if (a.dtype() == DType::f32 && c.dtype() == DType::f32)
    return product<float, float>(a, b, o, c, s);
  if (a.dtype() == DType::f64 && c.dtype() == DType::f64)
    return product<double, double>(a, b, o, c, s);
  if (a.dtype() == DType::bf16 && c.dtype() == DType::f32)
    return product<bfloat16, float>(a, b, o, c, s);
  product<bfloat16, bfloat16>(a, b, o, c, s);
}

template <class T>
void sum_columns(const Tensor& x, Tensor& y) {
  const auto in = x.view<const T, 2>();
  const int64_t rows = in.sizes[0], n = in.sizes[1];
  const int64_t grain = std::max<int64_t>({64, parts(1 << 15, n), parts(rows, 64)});
  const int64_t chunks = std::max<int64_t>(1, parts(rows, grain));
  Tensor partial = Tensor::empty({chunks, n}, dtype_of<T>, host);
  parallel_chunks(chunks, [&](int64_t chunk) {
    T* sum = partial.data<T>() + chunk * n;
    std::fill_n(sum, n, T(0));
    for (int64_t i = chunk * grain; i < std::min(rows, (chunk + 1) * grain); ++i)
      add_to(sum, &in(i, 0), n);
  });
  T* out = y.data<T>();
  std::copy_n(partial.data<T>(), n, out);
  for (int64_t chunk = 1; chunk < chunks; ++chunk) add_to(out, partial.data<T>() + chunk * n, n);
}

void column_sums_cpu(const Tensor& x, Tensor& y) {
  check_column_sums(x, y);
  for_float("column_sums", x.dtype(),
            [&](auto tag) { sum_columns<typename decltype(tag)::type>(x, y); });
}

const Implementation matmul_registered{matmul, DeviceKind::cpu, &matmul_cpu};
const Implementation column_sums_registered{column_sums, DeviceKind::cpu, &column_sums_cpu};

}  // namespace
}  // namespace lw::kernels
