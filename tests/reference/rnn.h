// Recurrent networks, step by step in double, to be read beside kernels/rnn/README.md.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/rnn/rnn.h"

namespace lw::reference {

struct Rnn {
  Tensor h;      ///< f64 [batch, time, channel]
  Tensor state;  ///< f64
};

inline Rnn rnn(const kernels::Rnn& arguments) {
  using kernels::RnnCell;
  const DeviceScope on_host(host);
  kernels::Rnn in = arguments;
  for (Tensor* t : {&in.x, &in.W, &in.b, &in.state, &in.resets}) *t = t->to(host);
  const int64_t batch = in.x.size(0), time = in.x.size(1), n = in.W.size(1);
  const int64_t states = kernels::rnn_states(in.cell);
  Rnn out{Tensor::empty({batch, time, n}, DType::f64),
          Tensor::empty({batch, states * n}, DType::f64)};
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  for (int64_t row = 0; row < batch; ++row) {
    std::vector<double> state(static_cast<size_t>(states * n));
    for (int64_t k = 0; in.state && k < states * n; ++k)
      state[static_cast<size_t>(k)] = in.state.at({row, k});
    for (int64_t t = 0; t < time; ++t) {
      if (in.resets && in.resets.at({row, t}) != 0) state.assign(state.size(), 0);
      const std::vector<double> before = state;
      for (int64_t k = 0; k < n; ++k) {
        const auto x = [&](int64_t gate) { return in.x.at({row, t, gate * n + k}); };
        const auto p = [&](int64_t gate) {
          double sum = in.b.at({gate * n + k});
          for (int64_t j = 0; j < n; ++j)
            sum += in.W.at({gate * n + k, j}) * before[static_cast<size_t>(j)];
          return sum;
        };
        double& h = state[static_cast<size_t>(k)];
        if (in.cell == RnnCell::tanh) {
          h = std::tanh(x(0) + p(0));
        } else if (in.cell == RnnCell::lstm) {
          double& c = state[static_cast<size_t>(n + k)];
          c = sigmoid(x(1) + p(1)) * c + sigmoid(x(0) + p(0)) * std::tanh(x(2) + p(2));
          h = sigmoid(x(3) + p(3)) * std::tanh(c);
        } else {
          const double r = sigmoid(x(0) + p(0)), z = sigmoid(x(1) + p(1));
          h = (1 - z) * std::tanh(x(2) + r * p(2)) + z * before[static_cast<size_t>(k)];
        }
        out.h.data<double>()[(row * time + t) * n + k] = h;
      }
    }
    std::copy(state.begin(), state.end(), out.state.data<double>() + row * states * n);
  }
  return out;
}

}  // namespace lw::reference
