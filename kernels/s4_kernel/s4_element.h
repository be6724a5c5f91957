// The real numbers that the sums of s4_kernel are made of, for one element of channel x state, and the
// way back from their gradients to the parameters. For the CPU and for CUDA kernels; the notation is
// that of README.md. Internal.
//
// Entries of an element, for the sums ab with a in (Ct, conj P_1, ...) and b in (B, P_1, ...):
//   |lambda|, |lambda|^2, -2 Re lambda, then for each ab: -2 Re(a b conj lambda), 2 Re(a b)
#pragma once

#include "core/complex_number.h"
#include "kernels/s4_kernel/s4_kernel.h"

namespace lw::kernels::s4 {

enum Entry : int64_t { magnitude = 0, square = 1, twice_real = 2, first_sum = 3 };

/// Entries of an element where P has this rank.
LW_HOST_DEVICE constexpr int64_t entries_of(int64_t rank) {
  return first_sum + 2 * (1 + rank) * (1 + rank);
}

struct Element {
  using Z = Complex<double>;

  int64_t rank;
  Z lambda, left[1 + max_s4_rank], right[1 + max_s4_rank];

  /// P(r) gives P_r.
  template <class P>
  LW_HOST_DEVICE Element(int64_t R, Z l, Z B, Z Ct, const P& column) : rank(R), lambda(l) {
    left[0] = Ct;
    right[0] = B;
    for (int64_t r = 0; r < rank; ++r) {
      right[1 + r] = column(r);
      left[1 + r] = conj(right[1 + r]);
    }
  }

  /// Calls put(entry, value) for all entries.
  template <class Put>
  LW_HOST_DEVICE void write(const Put& put) const {
    put(magnitude, std::hypot(lambda.re, lambda.im));
    put(square, norm(lambda));
    put(twice_real, -2 * lambda.re);
    for (int64_t i = 0; i <= rank; ++i)
      for (int64_t k = 0; k <= rank; ++k) {
        const Z m = left[i] * right[k];
        const int64_t entry = first_sum + 2 * (i * (1 + rank) + k);
        put(entry, -2 * (m * conj(lambda)).re);
        put(entry + 1, 2 * m.re);
      }
  }

  struct Gradients {
    Z lambda, B, Ct, P[max_s4_rank];
  };
  /// From the gradients of the entries; that of the magnitude is not read.
  LW_HOST_DEVICE Gradients gradients(const double* entry) const {
    Z dlambda = 2 * entry[square] * lambda;
    dlambda.re -= 2 * entry[twice_real];
    Z da[1 + max_s4_rank] = {}, db[1 + max_s4_rank] = {};
    for (int64_t i = 0; i <= rank; ++i)
      for (int64_t k = 0; k <= rank; ++k) {
        const double* d = entry + first_sum + 2 * (i * (1 + rank) + k);
        Z dm = -2 * d[0] * lambda;
        dm.re += 2 * d[1];
        dlambda = dlambda - 2 * d[0] * (left[i] * right[k]);
        da[i] += dm * conj(right[k]);
        db[k] += dm * conj(left[i]);
      }
    Gradients out{dlambda, db[0], da[0], {}};
    for (int64_t r = 0; r < rank; ++r) out.P[r] = conj(da[1 + r]) + db[1 + r];
    return out;
  }
};

/// Calls f(std::integral_constant<int, R>()) with the rank of P.
template <class F>
void for_rank(const Tensor& P, F&& f) {
  switch (P ? P.size(0) : 0) {
    case 0:
      return f(std::integral_constant<int, 0>());
    case 1:
      return f(std::integral_constant<int, 1>());
    default:
      return f(std::integral_constant<int, 2>());
  }
}

inline S4Kernel in_double(const S4Kernel& in) {
  const auto wide = [](const Tensor& t) { return t ? t.to(DType::c128) : t; };
  return {in.dt.to(DType::f64), wide(in.lambda), wide(in.P), wide(in.B), wide(in.Ct), in.length};
}

inline void check_dtype(DType dtype) {
  check(is_floating(dtype) && dtype != DType::bf16, "s4_kernel: expected dtype f32 or f64, ",
        "received ", dtype);
}

/// Calls f(d) with gradients in double, to be written, and rounds them into `out`.
template <class F>
void with_double_gradients(S4KernelGradients& out, F&& f) {
  const auto wide = [](const Tensor& t) {
    return t ? Tensor::empty(t.shape(), DType::c128, t.device()) : t;
  };
  S4KernelGradients d{Tensor::empty(out.dt.shape(), DType::f64, out.dt.device()), wide(out.lambda),
                      wide(out.P), wide(out.B), wide(out.Ct)};
  f(d);
  out.dt.copy_from(d.dt);
  out.lambda.copy_from(d.lambda);
  if (out.P) out.P.copy_from(d.P);
  out.B.copy_from(d.B);
  out.Ct.copy_from(d.Ct);
}

}  // namespace lw::kernels::s4
