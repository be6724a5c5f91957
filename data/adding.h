// Adding: the sum of two numbers that are marked in a long row.
//
//   input    (0.31, 0) (0.85, 1) (0.12, 0) ... (0.47, 1) (0.66, 0)
//   target                                                   1.32
//
// One mark lies in the first half and one in the second, each anywhere in it. A model that always says 1 has a loss of 1/6,
// the variance of the sum of two numbers uniform in [0, 1).
// inputs f32 [batch, length, 2], targets f32 [batch, 1, 1].
// Hochreiter & Schmidhuber 1997; as in Arjovsky, Shah & Bengio 2016, arXiv:1511.06464.
#pragma once

#include "data/dataset.h"

namespace lw {

struct AddingOptions {
  int64_t length = 200;
  int64_t train = 65536;  ///< samples of each split
  int64_t validation = 1000;
  int64_t test = 1000;

  void describe(Fields& f);
};

}  // namespace lw
