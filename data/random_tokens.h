// Random tokens: a language model's task in which there is nothing to learn, for timing a model of
// any vocabulary on no data.
//
// inputs i64 [batch, length], uniform in [0, vocabulary), each by itself; targets: the next token.
#pragma once

#include "data/dataset.h"

namespace lw {

struct RandomTokensOptions {
  int64_t length = 1024;
  int64_t vocabulary = 50280;
  int64_t train = 65536;  ///< samples of each split
  int64_t validation = 64;

  void describe(Fields& f);
};

}  // namespace lw
