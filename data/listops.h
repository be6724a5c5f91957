// ListOps: the value of a nested expression of list operations, ten classes.
//
//   input    [MAX 2 9 [MIN 4 7 ] 0 ]
//   target   9
//
// The operators are MIN, MAX, MED (median, of an even count the mean of the two middle ones, rounded down) and SM (sum modulo 10), their
// arguments digits or expressions. An expression is drawn as in the benchmark: at depth 1 an operator; below, a node is
// an operator with probability 1/4, with 2 to max_args arguments, and a digit at max_depth. Expressions whose length is not within
// [min_length, length] are drawn again.
// inputs i64 [batch, length], padded with token 0 behind the `lengths`; targets i64 [batch].
// Nangia & Bowman 2018, arXiv:1804.06028; sizes as in Tay et al. 2021, arXiv:2011.04006 (Long Range Arena: depth 10, 10
// arguments, 500 to 2000 tokens, 96,000 training samples).
#pragma once

#include "data/dataset.h"

namespace lw {

struct ListopsOptions {
  int64_t length = 2000;  ///< of the longest sample
  int64_t min_length = 500;
  int64_t max_depth = 10;
  int64_t max_args = 10;
  int64_t train = 96000;
  int64_t validation = 2000;
  int64_t test = 2000;

  void describe(Fields& f);
};

/// The tokens: padding, the digits 0 to 9, the four operators, and the end of a list.
inline constexpr int64_t listops_pad = 0, listops_digit = 1, listops_operator = 11,
                         listops_end = 15, listops_vocabulary = 16;

/// The value of a whole expression. Throws Error for tokens that are none.
int64_t listops_value(std::span<const int64_t> tokens);

}  // namespace lw
