// The short causal convolution, tap by tap in double, to be read beside
// kernels/causal_conv1d/README.md.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/causal_conv1d/causal_conv1d.h"

namespace lw::reference {

struct CausalConv1d {
  std::vector<double> y, state;
};

inline CausalConv1d causal_conv1d(const kernels::CausalConv1d& arguments) {
  kernels::CausalConv1d in = arguments;
  for (Tensor* t : {&in.x, &in.weight, &in.bias, &in.state, &in.resets}) *t = t->to(host);
  const int64_t B = in.x.size(0), T = in.x.size(1), C = in.x.size(2), W = in.weight.size(1);
  const auto resets_between = [&](int64_t b, int64_t s, int64_t t) {  // in (s, t]
    bool any = false;
    for (int64_t r = std::max<int64_t>(s + 1, 0); in.resets && r <= t; ++r)
      any = any || in.resets.at({b, r}) != 0;
    return any;
  };
  /// The input at time s, as time t sees it.
  const auto input = [&](int64_t b, int64_t s, int64_t t, int64_t c) {
    if (resets_between(b, s, t)) return 0.;
    if (s >= 0) return in.x.at({b, s, c});
    return in.state ? in.state.at({b, s + W - 1, c}) : 0.;
  };

  CausalConv1d out;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t)
      for (int64_t c = 0; c < C; ++c) {
        double p = in.bias ? in.bias.at({c}) : 0;
        for (int64_t j = 0; j < W; ++j) p += in.weight.at({c, j}) * input(b, t - W + 1 + j, t, c);
        out.y.push_back(in.silu ? p / (1 + std::exp(-p)) : p);
      }
  for (int64_t b = 0; b < B; ++b)
    for (int64_t i = 0; i < W - 1; ++i)
      for (int64_t c = 0; c < C; ++c) out.state.push_back(input(b, T - W + 1 + i, T - 1, c));
  return out;
}

}  // namespace lw::reference
