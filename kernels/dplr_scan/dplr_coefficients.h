// The numbers of dplr_scan's step, for all channels, from the parameters and back: what dplr_element.h
// says of one element, in the lanes of vectors. The notation is that of README.md. Internal.
#pragma once

#include <vector>

#include "core/parallel.h"
#include "kernels/dplr_scan/dplr_element.h"
#include "kernels/lane_table.h"
#include "kernels/optional_view.h"

namespace lw::kernels {

/// One channel in double.
struct DplrChannel {
  int64_t rank;
  double dt;
  std::vector<DplrElement> elements;
  DplrMatrix W;

  template <class T>
  DplrChannel(const DplrScan& in, const View<const std::complex<T>, 3>& p, int64_t h)
      : rank(in.P ? in.P.size(0) : 0), dt(static_cast<double>(in.dt.data<T>()[h])) {
    using C = const std::complex<T>;
    const auto of = [](C z) {
      return Complex<double>{static_cast<double>(z.real()), static_cast<double>(z.imag())};
    };
    const auto lambda = in.lambda.view<C, 2>(), B = in.B.view<C, 2>(), c = in.C.view<C, 2>();
    DplrMatrix G;
    for (int64_t n = 0; n < lambda.sizes[1]; ++n) {
      elements.emplace_back(rank, dt, of(lambda(h, n)), of(B(h, n)), of(c(h, n)),
                            [&](int64_t r) { return of(p(r, h, n)); });
      elements.back().add_projection(G);
    }
    W = G.inverse_with_identity(rank);
  }
};

template <class T>
struct DplrCoefficients {
  DplrEntries entries;
  LaneTable<T> table;
  std::vector<T> W;  // [block, rank, rank, lane]

  DplrCoefficients(const DplrScan& in, int64_t lanes)
      : entries{in.P ? in.P.size(0) : 0},
        table((in.lambda.size(0) + lanes - 1) / lanes, in.lambda.size(1), entries.count(), lanes),
        W(static_cast<size_t>((in.lambda.size(0) + lanes - 1) / lanes * entries.rank *
                              entries.rank * lanes)) {
    const auto P = optional_view<const std::complex<T>, 3>(in.P);
    const int64_t R = entries.rank;
    parallel_for(in.lambda.size(0), 16, [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h) {
        const DplrChannel c(in, P, h);
        const int64_t block = h / lanes, lane = h % lanes;
        for (size_t n = 0; n < c.elements.size(); ++n)
          c.elements[n].write([&](int64_t entry, Complex<double> value) {
            table.set(block, static_cast<int64_t>(n), entry, lane,
                      {static_cast<T>(value.re), static_cast<T>(value.im)});
          });
        for (int64_t i = 0; i < R * R; ++i)
          W[static_cast<size_t>((block * R * R + i) * lanes + lane)] =
              static_cast<T>(c.W.v[i / R][i % R]);
      }
    });
  }
};

/// From the gradients of the entries of channel h, [state, entry], and of W to those of the
/// parameters.
template <class T>
void dplr_chain(const DplrScan& in, int64_t h, const std::vector<Complex<double>>& d,
                const DplrMatrix& dW, const DplrScanGradients& out) {
  using C = std::complex<T>;
  const auto P = optional_view<const C, 3>(in.P);
  const DplrChannel c(in, P, h);
  const DplrMatrix dG = c.W.inverse_gradient(c.rank, dW);
  const auto put = [](C& to, Complex<double> z) {
    to = {static_cast<T>(z.re), static_cast<T>(z.im)};
  };
  double drate = 0;
  for (size_t i = 0; i < c.elements.size(); ++i) {
    const auto n = static_cast<int64_t>(i);
    const auto g = c.elements[i].gradients(d.data() + n * DplrEntries{c.rank}.count(), dG);
    drate += g.rate;
    put(out.lambda.view<C, 2>()(h, n), g.lambda);
    put(out.B.view<C, 2>()(h, n), g.B);
    put(out.C.view<C, 2>()(h, n), g.C);
    for (int64_t r = 0; r < c.rank; ++r) put(out.P.view<C, 3>()(r, h, n), g.P[r]);
  }
  out.dt.data<T>()[h] = static_cast<T>(-2 / (c.dt * c.dt) * drate);
}

}  // namespace lw::kernels
