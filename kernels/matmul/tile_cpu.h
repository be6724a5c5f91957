// One tile of a matrix product on one CPU thread: oneDNN for f32 and bf16, Eigen for f64. Internal.
#pragma once

#include <omp.h>
#include <dnnl.hpp>

#include <Eigen/Core>
#include <map>
#include <tuple>
#include <vector>

#include "kernels/matmul/check.h"

namespace lw::kernels {

/// A matrix in memory. As an operand it is read as stored or, with `transposed`, along columns.
template <class T>
struct Matrix {
  T* data;
  int64_t pitch;
  bool transposed = false;

  /// The matrix that starts at row i and column j of op(this).
  Matrix at(int64_t i, int64_t j) const {
    return {data + (transposed ? j * pitch + i : i * pitch + j), pitch, transposed};
  }
};

using TileShape = ProductSize;

/// While one lives, libraries called from this thread use this thread alone.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;

 private:
  int before_;
};

inline void check_dnnl(dnnl_status_t status) {
  if (status == dnnl_out_of_memory)
    throw Error("matmul: oneDNN is out of memory", ErrorKind::memory);
  check(status == dnnl_success, "matmul: oneDNN failed with status ", static_cast<int>(status));
}

// c <- alpha op(a) op(b) + beta c, for each type.

inline void multiply(TileShape s, double alpha, Matrix<const float> a, Matrix<const float> b,
                     double beta, Matrix<float> c) {
  check_dnnl(dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', s.m, s.n, s.k,
                        static_cast<float>(alpha), a.data, a.pitch, b.data, b.pitch,
                        static_cast<float>(beta), c.data, c.pitch));
}

inline void multiply(TileShape s, double alpha, Matrix<const double> a, Matrix<const double> b,
                     double beta, Matrix<double> c) {
  using Dense = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stored = Eigen::Map<const Dense, 0, Eigen::OuterStride<>>;
  const auto stored = [](Matrix<const double> x, int64_t rows, int64_t columns) {
    return x.transposed ? Stored(x.data, columns, rows, Eigen::OuterStride<>(x.pitch))
                        : Stored(x.data, rows, columns, Eigen::OuterStride<>(x.pitch));
  };
  const Stored A = stored(a, s.m, s.k), B = stored(b, s.k, s.n);
  Eigen::Map<Dense, 0, Eigen::OuterStride<>> C(c.data, s.m, s.n, Eigen::OuterStride<>(c.pitch));
  if (beta == 0) {
    C.setZero();
  } else if (beta != 1) {
    C *= beta;
  }
  if (a.transposed && b.transposed) {
    C.noalias() += alpha * A.transpose() * B.transpose();
  } else if (a.transposed) {
    C.noalias() += alpha * A.transpose() * B;
  } else if (b.transposed) {
    C.noalias() += alpha * A * B.transpose();
  } else {
    C.noalias() += alpha * A * B;
  }
}

/// oneDNN's bf16 products for the shapes met so far. One cache a thread: a primitive's scratch
/// memory belongs to the thread that made it.
class Bf16Products {
 public:
  static Bf16Products& of_this_thread() {
    thread_local Bf16Products products;
    return products;
  }

  /// False if oneDNN has no such product for this CPU.
  template <class C>
  bool multiply(TileShape s, double alpha, Matrix<const bfloat16> a, Matrix<const bfloat16> b,
                double beta, Matrix<C> c) {
    using dnnl::memory;
    constexpr auto type =
        std::is_same_v<C, float> ? memory::data_type::f32 : memory::data_type::bf16;
    const Key key{s.m,   s.n,  s.k,          a.pitch,      b.pitch, c.pitch,
                  alpha, beta, a.transposed, b.transposed, type};
    auto found = primitives_.find(key);
    if (found == primitives_.end()) {
      if (primitives_.size() >= capacity) primitives_.clear();
      found = primitives_.emplace(key, make(s, alpha, a, b, beta, c.pitch, type)).first;
    }
    Entry& entry = found->second;
    if (!entry.product) return false;
    entry.a.set_data_handle(const_cast<bfloat16*>(a.data));
    entry.b.set_data_handle(const_cast<bfloat16*>(b.data));
    entry.c.set_data_handle(c.data);
    entry.product.execute(
        stream_, {{DNNL_ARG_SRC, entry.a}, {DNNL_ARG_WEIGHTS, entry.b}, {DNNL_ARG_DST, entry.c}});
    return true;
  }

 private:
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, double, double, bool,
                         bool, dnnl::memory::data_type>;
  struct Entry {
    dnnl::primitive product;  // empty: not supported on this CPU
    dnnl::memory a, b, c;
  };
  static constexpr size_t capacity = 1024;

  Entry make(TileShape s, double alpha, Matrix<const bfloat16> a, Matrix<const bfloat16> b,
             double beta, int64_t pitch, dnnl::memory::data_type type) const {
    using dnnl::memory;
    const auto operand = [](int64_t rows, int64_t columns, Matrix<const bfloat16> x) {
      return memory::desc({rows, columns}, memory::data_type::bf16,
                          x.transposed ? memory::dims{1, x.pitch} : memory::dims{x.pitch, 1});
    };
    const memory::desc A = operand(s.m, s.k, a), B = operand(s.k, s.n, b);
    const memory::desc C({s.m, s.n}, type, memory::dims{pitch, 1});
    dnnl::primitive_attr attributes;
    if (alpha != 1) attributes.set_output_scales(0, {static_cast<float>(alpha)});
    if (beta != 0) {
      dnnl::post_ops add;
      add.append_sum(static_cast<float>(beta));
      attributes.set_post_ops(add);
    }
    try {
      const dnnl::matmul::primitive_desc description({A, B, C}, attributes, engine_);
      return {dnnl::matmul(description), memory(A, engine_, nullptr), memory(B, engine_, nullptr),
              memory(C, engine_, nullptr)};
    } catch (const dnnl::error& error) {
      if (error.status == dnnl_unimplemented) return {};
      check_dnnl(error.status);
      throw;
    }
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::map<Key, Entry> primitives_;
};

template <class C>
void multiply(TileShape s, double alpha, Matrix<const bfloat16> a, Matrix<const bfloat16> b,
              double beta, Matrix<C> c) {
  if (Bf16Products::of_this_thread().multiply(s, alpha, a, b, beta, c)) return;
  const auto widened = [](Matrix<const bfloat16> x, int64_t rows, int64_t columns,
                          std::vector<float>& wide) {
    if (x.transposed) std::swap(rows, columns);
    wide.resize(static_cast<size_t>(rows * columns));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        wide[static_cast<size_t>(i * columns + j)] = static_cast<float>(x.data[i * x.pitch + j]);
    return Matrix<const float>{wide.data(), columns, x.transposed};
  };
  thread_local std::vector<float> wide_a, wide_b, wide_c;
  const Matrix<const float> A = widened(a, s.m, s.k, wide_a), B = widened(b, s.k, s.n, wide_b);
  if constexpr (std::is_same_v<C, float>) {
    multiply(s, alpha, A, B, beta, c);
  } else {
    wide_c.resize(static_cast<size_t>(s.m * s.n));
    multiply(s, alpha, A, B, 0, Matrix<float>{wide_c.data(), s.n});
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.n; ++j) {
        C& out = c.data[i * c.pitch + j];
        const float sum = wide_c[static_cast<size_t>(i * s.n + j)];
        out = C(beta == 0 ? sum : sum + static_cast<float>(beta) * static_cast<float>(out));
      }
  }
}

}  // namespace lw::kernels
