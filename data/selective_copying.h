// Selective copying: remember the data tokens among noise, and repeat them in order at the end.
//
//   input    noise noise 7 noise 3 noise noise ... | copy copy
//   target     .     .   .   .   .   .     .       |  7    3        (. is ignored)
//
// The positions of the data tokens are random, so a time-invariant model cannot tell them from the
// noise by when they come. inputs, targets i64 [batch, length]. Token 0 is noise, 1 the marker, the
// others data. Gu & Dao 2023, arXiv:2312.00752, section 3.1.
#pragma once

#include "data/dataset.h"

namespace lw {

struct SelectiveCopyingOptions {
  int64_t length = 256;     ///< steps in all: noise and data, then one marker for each data token
  int64_t tokens = 16;      ///< data tokens to remember
  int64_t vocabulary = 16;  ///< with noise and marker
  int64_t train = 100000;   ///< samples of each split
  int64_t validation = 1000;
  int64_t test = 1000;

  void describe(Fields& f);
};

}  // namespace lw
