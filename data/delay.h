// Delay: tell at every step what came in `lag` steps before.
//
//   input    u_0 u_1 u_2 ... u_{T-1}               a signal of random phases, of variance 1
//   target   0 ... 0 u_0 u_1 ... u_{T-1-lag}
//
// The signal holds the frequencies k / T for 1 <= k <= bandwidth T / 2: a bandwidth of 1 is white noise, a small one
// a smooth line. A model that remembers nothing has a loss of 1 - lag / T, the mean square of the targets.
// inputs f32 [batch, length, 1], targets f32 [batch, length, 1].
// The memory task of Voelker, Kajić & Eliasmith 2019 and of Gu, Johnson, Timalsina, Rudra & Ré 2022, arXiv:2206.12037.
#pragma once

#include "data/dataset.h"

namespace lw {

struct DelayOptions {
  int64_t length = 256;
  int64_t lag = 64;
  double bandwidth = 0.1;  ///< share of the frequencies below half a cycle a step
  int64_t train = 16384;   ///< samples of each split
  int64_t validation = 500;
  int64_t test = 500;

  void describe(Fields& f);
};

}  // namespace lw
