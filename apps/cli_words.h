// What the command line says of a wrong flag, argument or command, in the program's own words.
//
// An internal header, for .cpp files only: it includes CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lw {

/// A check of an argument: an empty text if its value is good, else what was expected.
using ArgumentCheck = std::function<std::string(const std::string&)>;

ArgumentCheck one_of_words(std::vector<std::string> words);
/// A path or a name: anything but nothing.
ArgumentCheck not_empty();
ArgumentCheck integer_at_least(int64_t least);
ArgumentCheck integer_between(int64_t least, int64_t most);
/// A finite number in [least, most].
ArgumentCheck number_between(double least, double most);
ArgumentCheck number_at_least(double least);
ArgumentCheck number_above(double bound);

/// What is wrong with the command line, and what may have been meant. `app` is the command that was
/// read when `error` came up.
std::string explain(const CLI::ParseError& error, const CLI::App& app);

}  // namespace lw
