// The long convolution by its definition, in double, to be read beside kernels/long_conv/README.md.
#pragma once

#include <vector>

#include "kernels/long_conv/long_conv.h"

namespace lw::reference {

struct LongConv {
  std::vector<double> y, du, dk, dD;
};

inline LongConv long_conv(const kernels::LongConv& arguments, const Tensor& dy) {
  kernels::LongConv in = arguments;
  for (Tensor* t : {&in.u, &in.k, &in.D, &in.resets}) *t = t->to(host);
  const int64_t B = in.u.size(0), T = in.u.size(1), C = in.u.size(2), taps = in.k.size(1);
  const std::vector<double> u = in.u.to_vector(), k = in.k.to_vector(), g = dy.to_vector();
  const std::vector<double> skip = in.D ? in.D.to_vector() : std::vector<double>(size_t(C));
  LongConv out{std::vector<double>(u.size()), std::vector<double>(u.size()),
               std::vector<double>(k.size()), std::vector<double>(size_t(C))};
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t)
      for (int64_t c = 0; c < C; ++c) {
        const auto at = [&](int64_t time) { return size_t((b * T + time) * C + c); };
        // The inputs that reach y_t: back to the start of its document, or on to its end.
        for (int64_t m = 0; m < taps; ++m) {
          const int64_t s = in.reverse ? t + m : t - m;
          if (s < 0 || s >= T) break;
          if (m > 0 && in.resets && in.resets.at({b, in.reverse ? s : s + 1}) != 0) break;
          const size_t tap = size_t(c * taps + m);
          out.y[at(t)] += k[tap] * u[at(s)];
          out.du[at(s)] += k[tap] * g[at(t)];
          out.dk[tap] += u[at(s)] * g[at(t)];
        }
        out.y[at(t)] += skip[size_t(c)] * u[at(t)];
        out.du[at(t)] += skip[size_t(c)] * g[at(t)];
        out.dD[size_t(c)] += u[at(t)] * g[at(t)];
      }
  return out;
}

}  // namespace lw::reference
