// HiPPO matrices as what they are made of, so that A x and (I - a A)^-1 x cost O(N) a column and the
// matrix is never formed.
//
//   separable    A = diag(d) + tril(p q^T, -1) + triu(g h^T, 1):  legs, lagt (g = 0), legt, lmu
//   rotations    A = S - f b b^T, S of 2 x 2 rotations of frequencies w:  fout
//
// The solves are an LU decomposition that keeps one number a row (separable; without pivoting, which
// A + A^T <= 0 and a >= 0 make safe) and the Sherman-Morrison formula (rotations).
//
// x: [N, columns], row-major, columns independent of each other. Cost: O(N columns).
// Reference: Gu, Dao, Ermon, Rudra & Ré 2020, arXiv:2008.07669, appendix E; Vandebril, Van Barel &
// Mastronardi 2008, "Matrix Computations and Semiseparable Matrices".
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace lw {

class StructuredMatrix {
 public:
  virtual ~StructuredMatrix() = default;
  /// x <- A x
  virtual void multiply(std::vector<double>& x, int64_t columns) const = 0;
  /// x <- (I - a A)^-1 x, a >= 0
  virtual void solve(double a, std::vector<double>& x, int64_t columns) const = 0;
};

/// A of hippo(measure, N): legs, lagt, legt, lmu or fout.
std::unique_ptr<StructuredMatrix> structured_hippo(std::string_view measure, int64_t N);

}  // namespace lw
