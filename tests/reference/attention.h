// Causal attention in double, to be read beside kernels/attention/README.md.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/attention/attention.h"

namespace lw::reference {

/// o, f64 [batch, time, heads dim].
inline Tensor attention(const kernels::Attention& arguments) {
  const DeviceScope on_host(host);
  kernels::Attention in = arguments;
  for (Tensor* t : {&in.q, &in.k, &in.v, &in.alive, &in.resets}) *t = t->to(host);
  const int64_t batch = in.q.size(0), time = in.q.size(1), past = in.k.size(1) - time;
  const int64_t dim = in.q.size(2) / in.heads;
  Tensor o = Tensor::zeros(in.q.shape(), DType::f64);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < time; ++i) {
      std::vector<int64_t> seen;
      int64_t reset = -1;
      for (int64_t t = 0; t <= i; ++t)
        if (in.resets && in.resets.at({b, t}) != 0) reset = t;
      for (int64_t j = 0; j <= past + i; ++j)
        if (reset >= 0 ? j >= past + reset : j >= past || !in.alive || in.alive.at({b, j}) == 1)
          seen.push_back(j);
      for (int64_t head = 0; head < in.heads; ++head) {
        double sum = 0;
        std::vector<double> weights;
        for (const int64_t j : seen) {
          double score = 0;
          for (int64_t c = head * dim; c < (head + 1) * dim; ++c)
            score += in.q.at({b, i, c}) * in.k.at({b, j, c});
          weights.push_back(std::exp(in.scale * score));
          sum += weights.back();
        }
        for (size_t n = 0; n < seen.size(); ++n)
          for (int64_t c = head * dim; c < (head + 1) * dim; ++c)
            o.data<double>()[(b * time + i) * in.heads * dim + c] +=
                weights[n] / sum * in.v.at({b, seen[n], c});
      }
    }
  return o;
}

}  // namespace lw::reference
