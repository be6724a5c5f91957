#include "data/listops.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>

#include "tests/temporary_folder.h"

namespace lw {
namespace {

/// The tokens of "[MAX 2 9 [MIN 4 7 ] 0 ]".
std::vector<int64_t> tokens_of(const std::string& text) {
  const std::map<std::string, int64_t> names{
      {"[MIN", 11}, {"[MAX", 12}, {"[MED", 13}, {"[SM", 14}, {"]", 15}};
  std::vector<int64_t> tokens;
  std::istringstream in(text);
  for (std::string word; in >> word;)
    tokens.push_back(names.contains(word) ? names.at(word) : listops_digit + std::stoll(word));
  return tokens;
}

TEST(Listops, ValuesAreThoseOfTheOperators) {
  const std::pair<const char*, int64_t> table[] = {{"[MAX 2 9 [MIN 4 7 ] 0 ]", 9},
                                                   {"[MIN 4 7 ]", 4},
                                                   {"[MED 1 9 5 ]", 5},
                                                   {"[MED 1 4 ]", 2},
                                                   {"[MED 8 1 4 2 ]", 3},
                                                   {"[SM 7 8 9 ]", 4},
                                                   {"[SM [MAX 1 2 ] [SM 9 9 ] 1 ]", 1},
                                                   {"7", 7},
                                                   {"[MIN [MIN [MIN 3 4 ] 5 ] [MAX 1 2 ] ]", 2}};
  for (const auto& [text, value] : table) EXPECT_EQ(listops_value(tokens_of(text)), value) << text;
  for (const char* text : {"", "1 2", "[MAX 1 2", "]", "[MAX ]", "[MAX 1 ] ]"})
    EXPECT_THROW(listops_value(tokens_of(text)), Error) << text;
  EXPECT_THROW(listops_value(std::array<int64_t, 1>{0}), Error);
}

DataSource make(const ListopsOptions& options) {
  Datasets::Choice choice(datasets());
  choice.choose("listops");
  choice.as<ListopsOptions>() = options;
  return choice.build({.seed = 3});
}

TEST(Listops, SamplesAreExpressionsWithinTheBounds) {
  const ListopsOptions options{.length = 60, .min_length = 10, .max_depth = 4, .max_args = 5};
  const DataSource source = make(options);
  std::set<double> answers;
  for (int64_t index = 0; index < 300; ++index) {
    const Batch batch = source.train->batch(std::array{index}, 0);
    const auto length = static_cast<size_t>(batch.lengths.to_vector()[0]);
    EXPECT_GE(length, 10u);
    EXPECT_LE(length, 60u);
    std::vector<int64_t> tokens;
    int64_t depth = 0, arguments[16] = {};
    for (const double token : batch.inputs.to_vector())
      tokens.push_back(static_cast<int64_t>(token));
    for (size_t t = length; t < tokens.size(); ++t) EXPECT_EQ(tokens[t], listops_pad);
    tokens.resize(length);
    for (const int64_t token : tokens) {
      if (token == listops_end) {
        EXPECT_GE(arguments[depth], 2);
        EXPECT_LE(arguments[depth], 5);
        --depth;
        continue;
      }
      ++arguments[depth];
      if (token >= listops_operator) arguments[++depth] = 0;
      EXPECT_LT(depth, 4);
    }
    EXPECT_EQ(depth, 0);
    EXPECT_EQ(listops_value(tokens), batch.targets.to_vector()[0]);
    answers.insert(batch.targets.to_vector()[0]);
  }
  EXPECT_EQ(answers.size(), 10u);
}

TEST(Listops, DrawsTheBenchmarksLengths) {
  const Batch batch = make({}).test->batch(std::array<int64_t, 4>{0, 1, 2, 3}, 0);
  EXPECT_EQ(batch.inputs.shape(), (Shape{4, 2000}));
  for (const double length : batch.lengths.to_vector()) {
    EXPECT_GE(length, 500);
    EXPECT_LE(length, 2000);
  }
}

TEST(Listops, RefusesLengthsThatAreNeverDrawn) {
  EXPECT_EQ(error_of(ErrorKind::usage, [] { make({.length = 5, .min_length = 6}); }),
            "data.min_length is 6, larger than data.length = 5");
  EXPECT_EQ(
      error_of(ErrorKind::usage,
               [] { make({.length = 100, .min_length = 50, .max_depth = 2, .max_args = 4}); }),
      "data.min_length is 50, but expressions of depth 2 with 4 arguments are hardly ever so "
      "long\n  take a larger data.max_depth or data.max_args");
}

}  // namespace
}  // namespace lw
