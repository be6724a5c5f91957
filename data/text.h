// Text files as a language-modelling corpus: bytes or characters, each predicting the next.
//
// A corpus is one file or all files that match some patterns, in the order of their paths, joined
// by a newline. Its tail is the validation split. A training sample is a window of `length` steps;
// windows do not overlap, and every epoch shifts them by another offset. Validation windows start
// at the first step of the split and cover every one of its targets once.
//
// inputs i64 [batch, length], targets i64 [batch, length]: the inputs one step later.
#pragma once

#include "data/dataset.h"

namespace lw {

struct TextOptions {
  std::vector<std::string> files = {
      "input.txt"};                   ///< patterns below the root: *, ? and ** (any folders)
  std::string tokens = "characters";  ///< characters (those of the corpus) or bytes (all 256)
  int64_t length = 256;
  double validation = 0.1;  ///< share of the corpus, its tail

  void describe(Fields& f);
};

/// The files below `root` that match a pattern, sorted. In a pattern * and ? stand for characters
/// other than /, and **/ for any number of folders.
std::vector<std::string> find_files(const std::string& root, const std::string& pattern);

/// The task that a text poses: to predict its next token.
Task language_task(const Vocabulary& vocabulary, int64_t length);

/// The 256 bytes: every text can be encoded, and decoding is exact.
std::shared_ptr<const Vocabulary> byte_vocabulary();
/// The characters (UTF-8 code points) of `text`, sorted. Bytes that are no UTF-8 count as one
/// character each.
std::shared_ptr<const Vocabulary> character_vocabulary(std::string_view text);
/// The vocabulary that serialize() described. Throws Error (data) if it did not come from there.
std::shared_ptr<const Vocabulary> vocabulary_from(const std::string& serialized);

}  // namespace lw
