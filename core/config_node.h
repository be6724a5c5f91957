// The tree of a config, its places, and its errors. Internal to core/config*.cpp.
//
// A Node is one value of a file or of an override and knows where it stands. Errors are collected
// in Diagnostics and thrown at once, in the order of their places, each like a compiler's:
//
//   configs/x.yaml:14:3: error: unknown key `optim.learning_rate`
//      14 |   learning_rate: 1e-3
//         |   ^~~~~~~~~~~~~ did you mean `lr`? (keys here: lr, betas, eps)
//   override `train.steps=many`: error: `train.steps` is the string `many`, expected an integer
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace lw::config {

/// A text that values come from: a file, or one override.
struct Source {
  std::string name;                ///< as errors name it
  std::vector<std::string> lines;  ///< without their ends
  bool is_override = false;
  int rank = 0;  ///< a higher one overrules a lower one
};
using SourceRef = std::shared_ptr<const Source>;

/// A source of that name and text.
std::shared_ptr<Source> make_source(std::string name, std::string_view text);

/// Where a value stands. Line 0: the source as a whole.
struct Place {
  SourceRef source;
  int line = 0;                    ///< from 1
  int column = 0;                  ///< bytes, from 0
  int width = 1;                   ///< bytes
  std::string provenance() const;  ///< "configs/a.yaml:12" or "override"
};

struct Entry;

/// One value. Kind::empty is a key with nothing behind it; an invalid one was complained of
/// already.
struct Node {
  enum class Kind { empty, null, plain, quoted, list, mapping, invalid };
  Kind kind = Kind::empty;
  std::string text;         ///< of a scalar
  bool is_text = false;     ///< from an override or a substitution: as it stands where text is due
  std::vector<Node> items;  ///< of a list
  std::vector<Entry> entries;  ///< of a mapping; keys are unique
  Place place;
  int changed_in =
      -1;  ///< rank of the last source that gave a scalar another text than the one below
  int same_since = -1;  ///< rank of the lowest source that gave a scalar this text without a break
  int64_t nodes = 1;    ///< in this tree
  int height = 1;       ///< of this tree

  bool is_scalar() const { return kind == Kind::plain || kind == Kind::quoted; }
  int first_given_in() const { return same_since < 0 ? place.source->rank : same_since; }
  const Node* find(std::string_view key) const;  ///< nullptr if it has none or is no mapping
  Node* find(std::string_view key);
};

struct Entry {
  std::string key;
  Place place;
  Node value;
};

/// The value under a path such as `model.layer.d_state`; nullptr if there is none.
const Node* find_path(const Node& root, std::string_view path);

/// Lays `above` over `below`: mappings are merged, anything else is replaced.
void merge(Node& below, Node&& above);

class Diagnostics {
 public:
  /// `note` stands behind the mark under the line, or on a line of its own.
  void add(const Place& place, const std::string& text, const std::string& note = "");
  bool empty() const { return errors_.empty(); }
  /// Throws what was added, if anything: one Error of ErrorKind::usage.
  void raise() const;

 private:
  struct Item {
    Place place;
    std::string text, note;
  };
  std::vector<Item> errors_;
};

struct Limits {
  static constexpr int64_t bytes = int64_t{1} << 20;  ///< of a file; of all substituted text
  static constexpr int64_t nodes = 100'000;           ///< of a file, aliases expanded
  static constexpr int depth = 64;
  static constexpr int files = 64;  ///< of one config
};

/// The tree of YAML text; of an empty one an empty mapping. What is wrong is added to `errors`;
/// nothing is returned if no tree could be made of it. Guards: Limits, UTF-8, no control
/// characters, no duplicate keys, tags, merge keys or second document.
std::optional<Node> parse_yaml(const SourceRef& source, std::string_view text, Diagnostics& errors);

/// The mapping, one key deep at each level, that `key.path=value` stands for.
std::optional<Node> parse_override(const std::string& argument, int rank, Diagnostics& errors);

/// Replaces `${key.path}` and `${env:NAME}` in all scalars of `root`, and `$${` by `${`.
void substitute(Node& root, Diagnostics& errors);

}  // namespace lw::config
