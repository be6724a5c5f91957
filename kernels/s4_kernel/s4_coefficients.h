// The numbers of s4_element.h for all channels, in the lanes of vectors. All arguments are f64 or c128.
// Internal.
#pragma once

#include <complex>
#include <vector>

#include "core/parallel.h"
#include "kernels/optional_view.h"
#include "kernels/s4_kernel/s4_element.h"

namespace lw::kernels::s4 {

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
        entries_(entries_of(rank)),
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
    const Element::Gradients d = element(h, n).gradients(entry);
    const auto put = [&](complex128& to, Complex<double> z) { to = {z.re, z.im}; };
    put(out.lambda.view<complex128, 2>()(h, n), d.lambda);
    put(out.Ct.view<complex128, 2>()(h, n), d.Ct);
    put(out.B.view<complex128, 2>()(h, n), d.B);
    for (int64_t r = 0; r < rank; ++r) put(out.P.view<complex128, 3>()(r, h, n), d.P[r]);
  }

  const int64_t rank, channels, states, pairs, blocks, sums;

 private:
  Element element(int64_t h, int64_t n) const {
    const auto of = [](complex128 z) { return Complex<double>{z.real(), z.imag()}; };
    return {rank, of(lambda_(h, n)), of(B_(h, n)), of(Ct_(h, n)),
            [&](int64_t r) { return of(P_(r, h, n)); }};
  }
  void fill(int64_t h, int64_t n) {
    double* p = data_.data() + (block_of(h) * states + n) * entries_ * lanes_ + lane_of(h);
    element(h, n).write([&](int64_t entry, double value) { p[entry * lanes_] = value; });
  }

  int64_t lanes_, entries_;
  std::vector<double> data_, dt_;
  View<const complex128, 2> lambda_, B_, Ct_;
  View<const complex128, 3> P_;
};

}  // namespace lw::kernels::s4
