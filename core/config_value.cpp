// One value of the tree into one member, and the words for what does not fit.
#include "core/config_value.h"

#include <algorithm>
#include <type_traits>

#include "core/config_scalar.h"

namespace lw::config {
namespace {

template <class T>
constexpr const char* name_of = nullptr;
template <>
constexpr const char* name_of<bool> = "true or false";
template <>
constexpr const char* name_of<int64_t> = "an integer";
template <>
constexpr const char* name_of<double> = "a number";
template <>
constexpr const char* name_of<std::string> = "a string";

template <class T>
std::string expectation(const T*, const Rule& rule) {
  const std::string text = rule.text();
  if (std::is_same_v<T, std::string> && !text.empty()) return text;
  return name_of<T> + (text.empty() ? "" : " " + text);
}
template <class T>
std::string expectation(const std::vector<T>*, const Rule&) {
  if (std::is_same_v<T, int64_t>) return "a list of integers";
  return std::is_same_v<T, double> ? "a list of numbers" : "a list of strings";
}

/// What keeps a plain word from being the number that it looks like, and what to do.
std::string remedy_for_number(const Node& node) {
  const std::string& text = node.text;
  if (node.kind == Node::Kind::quoted) {
    const ScalarKind kind = classify(text);
    const bool number = kind == ScalarKind::integer || kind == ScalarKind::real;
    return number ? "without quotes it is a number" : "";
  }
  if (classify(text) == ScalarKind::infinite) return "numbers are finite";
  if (classify(text) == ScalarKind::foreign) return "numbers are decimal, without leading zeros";
  std::string bare = text;
  bare.erase(std::remove(bare.begin(), bare.end(), '_'), bare.end());
  if (bare != text && exact_integer(bare)) return "write " + bare;
  return "";
}

std::string remedy_for_boolean(const Node& node) {
  if (node.text == "yes" || node.text == "on") return "did you mean `true`?";
  if (node.text == "no" || node.text == "off") return "did you mean `false`?";
  return "";
}

/// Takes one node for one field.
class Setter {
 public:
  Setter(const Node& node, const std::string& key, const Rule& rule, Diagnostics& errors)
      : node_(node), key_(key), rule_(rule), errors_(errors) {}

  void operator()(bool* member) const {
    if (node_.kind != Node::Kind::plain || classify(node_.text) != ScalarKind::boolean)
      return mismatch(member, remedy_for_boolean(node_));
    *member = node_.text[0] == 't' || node_.text[0] == 'T';
  }

  void operator()(int64_t* member) const {
    if (!is_number()) return mismatch(member, remedy_for_number(node_));
    const auto value = exact_integer(node_.text);
    if (!value)
      return mismatch(member, classify(node_.text) == ScalarKind::integer
                                  ? "integers reach from -2^63 to 2^63 - 1"
                                  : "");
    if (!rule_.holds(static_cast<double>(*value))) return out_of_rule(member);
    *member = *value;
  }

  void operator()(double* member) const {
    if (!is_number()) return mismatch(member, remedy_for_number(node_));
    const auto value = finite_number(node_.text);
    if (!value) return mismatch(member, "doubles reach from 5e-324 to 1.8e308");
    if (!rule_.holds(*value)) return out_of_rule(member);
    *member = *value;
  }

  void operator()(std::string* member) const {
    if (!node_.is_scalar()) return mismatch(member, "");
    const bool word = node_.kind == Node::Kind::plain && !node_.is_text;
    if (word && classify(node_.text) != ScalarKind::string)
      return mismatch(member, str("write ", string_text(node_.text)));
    if (!rule_.holds(node_.text)) {
      const std::string near = did_you_mean(node_.text, rule_.choices);
      return errors_.add(
          node_.place,
          str("`", key_, "` is ", shown(node_.text), ", expected ", expectation(member, rule_)),
          near.empty() ? "" : str("did you mean `", near, "`?"));
    }
    *member = node_.text;
  }

  template <class T>
  void operator()(std::optional<T>* member) const {
    if (node_.kind == Node::Kind::null) {
      member->reset();
      return;
    }
    T value{};
    (*this)(&value);
    *member = value;
  }

  template <class T>
  void operator()(std::vector<T>* member) const {
    if (node_.kind != Node::Kind::list) return mismatch(member, "");
    if (rule_.filled && node_.items.empty())
      return errors_.add(node_.place,
                         str("`", key_, "` is an empty list, expected at least one entry"));
    std::vector<T> values(node_.items.size());
    for (size_t i = 0; i < values.size(); ++i) {
      if (node_.items[i].kind == Node::Kind::invalid) continue;
      Setter(node_.items[i], str(key_, "[", i, "]"), rule_, errors_)(&values[i]);
    }
    *member = std::move(values);
  }

 private:
  bool is_number() const {
    if (node_.kind != Node::Kind::plain) return false;
    const ScalarKind kind = classify(node_.text);
    return kind == ScalarKind::integer || kind == ScalarKind::real;
  }

  template <class T>
  void mismatch(const T* member, const std::string& remedy) const {
    errors_.add(
        node_.place,
        str("`", key_, "` is ", description(node_), ", expected ", expectation(member, rule_)),
        remedy);
  }

  template <class T>
  void out_of_rule(const T* member) const {
    errors_.add(node_.place,
                str("`", key_, "` is ", node_.text, ", expected ", expectation(member, rule_)));
  }

  const Node& node_;
  const std::string& key_;
  const Rule& rule_;
  Diagnostics& errors_;
};

}  // namespace

std::string description(const Node& node) {
  switch (node.kind) {
    case Node::Kind::empty:
      return "empty";
    case Node::Kind::null:
      return "null";
    case Node::Kind::quoted:
      return "the string " + shown(node.text);
    case Node::Kind::list:
      return "a list";
    case Node::Kind::mapping:
      return "a mapping";
    case Node::Kind::invalid:
      return "invalid";
    case Node::Kind::plain:
      break;
  }
  switch (classify(node.text)) {
    case ScalarKind::boolean:
      return "the boolean " + shown(node.text);
    case ScalarKind::integer:
      return "the integer " + shown(node.text);
    case ScalarKind::real:
      return "the number " + shown(node.text);
    case ScalarKind::foreign:
      return "the number " + shown(node.text);
    case ScalarKind::infinite:
      return "the number " + shown(node.text);
    case ScalarKind::null:
    case ScalarKind::string:
      break;
  }
  return "the string " + shown(node.text);
}

void set_field(const Node& node, const std::string& key, const FieldRef& member, const Rule& rule,
               Diagnostics& errors) {
  if (node.kind != Node::Kind::invalid)
    std::visit([&](auto* value) { Setter(node, key, rule, errors)(value); }, member);
}

}  // namespace lw::config
