// Induction heads: what followed the special token the last time shall follow it again.
//
//   input    5 2 # 9 4 1 ... 3 #         # is the special token, seen once before the end
//   target   . . . . . . ... . 9         (. is ignored)
//
// With more occurrences before the last, all but the first are questions, each about the one before: one
// question in 256 steps teaches slowly, and what was learned answers the single one as well.
// inputs, targets i64 [batch, length]; the special token is number 0.
// Olsson et al. 2022, arXiv:2209.11895; sizes as in Gu & Dao 2023, arXiv:2312.00752, table 2.
#pragma once

#include "data/dataset.h"

namespace lw {

struct InductionHeadsOptions {
  int64_t length = 256;
  int64_t vocabulary = 16;  ///< with the special token
  int64_t occurrences = 1;  ///< of the special token before the last one
  int64_t train = 65536;    ///< samples of each split
  int64_t validation = 1000;
  int64_t test = 1000;

  void describe(Fields& f);
};

}  // namespace lw
