#include "apps/cli_words.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/error.h"

namespace lw {
namespace {

template <class T>
std::optional<T> decimal(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code != std::errc() || rest != end) return {};
  return value;
}

std::string unless(bool good, const std::string& expected, const std::string& received) {
  return good ? "" : str("expected ", expected, ", received `", received, "`");
}

/// A check that the text is a finite number for which `good` holds.
template <class Good>
ArgumentCheck finite_number(std::string expected, Good good) {
  return [expected = std::move(expected), good](const std::string& text) {
    const std::optional<double> value = decimal<double>(text);
    return unless(value && std::isfinite(*value) && good(*value), expected, text);
  };
}

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string near = did_you_mean(word, candidates);
  return near.empty() ? "" : "\n  did you mean `" + near + "`?";
}

/// The flags of a command as they are typed, and its commands.
std::vector<std::string> spellings(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back(command->get_name());
    for (const std::string& alias : command->get_aliases()) words.push_back(alias);
  }
  return words;
}

}  // namespace

ArgumentCheck one_of_words(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& text) {
    if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
    std::string list;
    for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
    return unless(false, (words.size() > 1 ? "one of: " : "") + list, text) +
           suggestion(text, words);
  };
}

ArgumentCheck not_empty() {
  return [](const std::string& text) {
    return text.empty() ? std::string("expected a path or a name, received nothing") : "";
  };
}

ArgumentCheck integer_between(int64_t least, int64_t most) {
  return [=](const std::string& text) {
    const std::optional<int64_t> value = decimal<int64_t>(text);
    return unless(value && least <= *value && *value <= most,
                  str("an integer from ", least, " to ", most), text);
  };
}

ArgumentCheck integer_at_least(int64_t least) {
  return [least](const std::string& text) {
    const std::optional<int64_t> value = decimal<int64_t>(text);
    return unless(value && *value >= least, str("an integer at least ", least), text);
  };
}

ArgumentCheck number_between(double least, double most) {
  return finite_number(str("a number from ", least, " to ", most),
                       [=](double x) { return least <= x && x <= most; });
}

ArgumentCheck number_at_least(double least) {
  return finite_number(str("a number at least ", least), [=](double x) { return x >= least; });
}

ArgumentCheck number_above(double bound) {
  return finite_number(str("a number greater than ", bound), [=](double x) { return x > bound; });
}

std::string explain(const CLI::ParseError& error, const CLI::App& app) {
  const std::vector<std::string> unknown = app.remaining();
  const auto flag = std::find_if(unknown.begin(), unknown.end(),
                                 [](const std::string& word) { return word.starts_with('-'); });
  if (flag != unknown.end())  // said first: what follows it is often taken for something else
    return str("there is no flag `", *flag, "`", suggestion(*flag, spellings(app)));
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
    return text.substr(0, text.find(':')) + (text.find("At Most") == text.npos
                                                 ? ": its value is missing"
                                                 : " is given more than once");
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr || unknown.empty()) return text;
  if (app.get_parent() != nullptr) return str("unexpected argument `", unknown.front(), "`");
  return str("there is no command `", unknown.front(), "`",
             suggestion(unknown.front(), spellings(app)));
}

}  // namespace lw
