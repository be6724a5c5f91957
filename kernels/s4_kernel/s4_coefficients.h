// The real numbers that the sums of s4_kernel are made of, and the way back from their gradients to
// the parameters: what is done once an element of channel x state. All arguments are f64 or c128.
//
// Entries of one element n, for the sums ab with a in (Ct, conj P_1, ...) and b in (B, P_1, ...):
//   |lambda|, |lambda|^2, -2 Re lambda, then for each ab: -2 Re(a b conj lambda), 2 Re(a b)
#pragma once

#include <complex>
#include <vector>

#include "core/parallel.h"
#include "kernels/optional_view.h"
#include "kernels/s4_kernel/s4_kernel.h"

namespace lw::kernels::s4 {

enum Entry : int64_t { magnitude = 0, square = 1, twice_real = 2, first_sum = 3 };

/// [block, state, entry, lane]: a block is one vector of channels. The first half of the blocks
/// holds the channels 0 ... pairs-1, the second those from `pairs` on, lane by lane their partners
/// in a transform. Lanes beyond are an empty system with dt = 1 and lambda = -1.
class Coefficients {
 public:
  Coefficients(const S4Kernel& in, int64_t lanes)
      : rank(in.P ? in.P.size(0) : 0),
        channels(in.lambda.size(0)),
        states(in.lambda.size(1)),
        pairs((channels + 1) / 2),
        blocks(2 * ((pairs + lanes - 1) / lanes)),
        sums((1 + rank) * (1 + rank)),
        lanes_(lanes),
        entries_(first_sum + 2 * sums),
        data_(static_cast<size_t>(blocks * states * entries_ * lanes)),
        dt_(static_cast<size_t>(blocks * lanes), 1),
        lambda_(in.lambda.view<const complex128, 2>()),
        B_(in.B.view<const complex128, 2>()),
        Ct_(in.Ct.view<const complex128, 2>()),
        P_(optional_view<const complex128, 3>(in.P)) {
    for (int64_t i = 0; i < blocks * states; ++i)
      for (int64_t lane = 0; lane < lanes; ++lane) {
        double* empty = data_.data() + i * entries_ * lanes + lane;
        empty[magnitude * lanes] = empty[square * lanes] = 1;
        empty[twice_real * lanes] = 2;
      }
    parallel_for(channels, 32, [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h) {
        dt_[static_cast<size_t>(block_of(h) * lanes + lane_of(h))] = in.dt.data<double>()[h];
        for (int64_t n = 0; n < states; ++n) fill(h, n);
      }
    });
  }

  const double* at(int64_t block, int64_t n) const {
    return data_.data() + (block * states + n) * entries_ * lanes_;
  }
  const double* dt(int64_t block) const { return dt_.data() + block * lanes_; }
  int64_t entries() const { return entries_; }
  int64_t block_of(int64_t h) const {
    return h < pairs ? h / lanes_ : blocks / 2 + (h - pairs) / lanes_;
  }
  int64_t lane_of(int64_t h) const { return (h < pairs ? h : h - pairs) % lanes_; }

  /// From the gradients of the entries of element n of channel h, spaced by `stride` (that of the
  /// magnitude is not read), to those of the parameters.
  void chain(int64_t h, int64_t n, const double* entry, const S4KernelGradients& out) const {
    const complex128 lambda = lambda_(h, n);
    complex128 dlambda = 2. * lambda * entry[square] - 2 * entry[twice_real];
    complex128 da[1 + max_s4_rank] = {}, db[1 + max_s4_rank] = {};
    for (int64_t i = 0; i <= rank; ++i)
      for (int64_t k = 0; k <= rank; ++k) {
        const double* d = entry + first_sum + 2 * (i * (1 + rank) + k);
        const complex128 a = left(i, h, n), b = right(k, h, n), dm = 2 * d[1] - 2 * d[0] * lambda;
        dlambda -= 2 * d[0] * a * b;
        da[i] += dm * conj(b);
        db[k] += dm * conj(a);
      }
    out.lambda.view<complex128, 2>()(h, n) = dlambda;
    out.Ct.view<complex128, 2>()(h, n) = da[0];
    out.B.view<complex128, 2>()(h, n) = db[0];
    for (int64_t r = 0; r < rank; ++r)
      out.P.view<complex128, 3>()(r, h, n) = conj(da[1 + r]) + db[1 + r];
  }

  const int64_t rank, channels, states, pairs, blocks, sums;

 private:
  complex128 left(int64_t i, int64_t h, int64_t n) const {
    return i == 0 ? Ct_(h, n) : conj(P_(i - 1, h, n));
  }
  complex128 right(int64_t k, int64_t h, int64_t n) const {
    return k == 0 ? B_(h, n) : P_(k - 1, h, n);
  }
  void fill(int64_t h, int64_t n) {
    double* p = data_.data() + (block_of(h) * states + n) * entries_ * lanes_ + lane_of(h);
    const auto put = [&](int64_t entry, double value) { p[entry * lanes_] = value; };
    const complex128 lambda = lambda_(h, n);
    put(magnitude, std::abs(lambda));
    put(square, std::norm(lambda));
    put(twice_real, -2 * lambda.real());
    for (int64_t i = 0; i <= rank; ++i)
      for (int64_t k = 0; k <= rank; ++k) {
        const complex128 m = left(i, h, n) * right(k, h, n);
        const int64_t entry = first_sum + 2 * (i * (1 + rank) + k);
        put(entry, -2 * (m * conj(lambda)).real());
        put(entry + 1, 2 * m.real());
      }
  }

  int64_t lanes_, entries_;
  std::vector<double> data_, dt_;
  View<const complex128, 2> lambda_, B_, Ct_;
  View<const complex128, 3> P_;
};

}  // namespace lw::kernels::s4
