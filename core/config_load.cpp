// Files, what they extend, and overrides, merged into one tree.
#include <algorithm>
#include <climits>
#include <utility>

#include "core/config.h"
#include "core/config_node.h"
#include "core/config_scalar.h"
#include "core/config_state.h"

namespace lw {
namespace config {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// A value as it stands on a command line: YAML if it opens a list, a mapping or quotes, else a
/// plain word up to its end.
std::optional<Node> parse_override_value(const SourceRef& source, std::string_view text,
                                         Diagnostics& errors) {
  text = trimmed(text);
  if (!text.empty() && std::string_view("[{\"'").find(text[0]) != std::string_view::npos) {
    const std::string line = "value: " + std::string(text);
    const auto parsed = make_source(source->name, line);
    parsed->is_override = true;
    parsed->rank = source->rank;
    std::optional<Node> node = parse_yaml(parsed, line, errors);
    if (!node) return {};
    if (node->entries.size() == 1) return std::move(node->entries[0].value);
    errors.add({source}, "text behind the value");
    return {};
  }
  if (const auto fault = find_text_fault(text)) {
    errors.add({source}, fault->what);
    return {};
  }
  Node node;
  node.kind = text.empty()                         ? Node::Kind::empty
              : classify(text) == ScalarKind::null ? Node::Kind::null
                                                   : Node::Kind::plain;
  node.text = text;
  node.place = {source};
  return node;
}

void mark_as_text(Node& node) {
  node.is_text = true;
  for (Node& item : node.items) mark_as_text(item);
  for (Entry& entry : node.entries) mark_as_text(entry.value);
}

}  // namespace

std::optional<Node> parse_override(const std::string& argument, int rank, Diagnostics& errors) {
  const auto source = std::make_shared<Source>();
  source->name = "override " + shown(argument);
  source->is_override = true;
  source->rank = rank;
  const Place place{source};
  const size_t equals = argument.find('=');
  const std::string path(trimmed(argument.substr(0, equals)));
  const bool good_path = !path.empty() && path.front() != '.' && path.back() != '.' &&
                         path.find("..") == std::string::npos;
  if (equals == std::string::npos || !good_path) {
    errors.add(place, "expected key=value, such as train.steps=100");
    return {};
  }
  if (std::count(path.begin(), path.end(), '.') >= Limits::depth) {
    errors.add(place, str("nested deeper than ", Limits::depth, " levels"));
    return {};
  }
  if (path == "extends") {
    errors.add(place, "only a file can say what it extends");
    return {};
  }
  auto value = parse_override_value(source, argument.substr(equals + 1), errors);
  if (!value) return {};
  mark_as_text(*value);
  Node node = std::move(*value);
  for (size_t end = path.size(); end != std::string::npos;) {
    const size_t dot = path.rfind('.', end - 1);
    const size_t begin = dot == std::string::npos ? 0 : dot + 1;
    Node outer;
    outer.kind = Node::Kind::mapping;
    outer.place = place;
    outer.entries.push_back({path.substr(begin, end - begin), place, std::move(node)});
    node = std::move(outer);
    end = dot;
  }
  return node;
}

namespace {

/// Reads a file and what it extends. Its errors leave nothing to be read.
class Loader {
 public:
  explicit Loader(Diagnostics& errors) : errors_(errors) {}

  /// The file at `path`, over its bases. `mention` is where another file names it, if one does.
  std::optional<Node> load(const Path& path, const Place* mention) {
    const auto refuse = [&](const std::string& text) -> std::optional<Node> {
      const std::string name = shown(path.string());
      if (mention)
        errors_.add(*mention, name + ": " + text);
      else
        errors_.add({make_source(path.string(), "")}, text);
      return {};
    };
    std::error_code code;
    const Path identity = std::filesystem::weakly_canonical(path, code);
    if (std::find(open_.begin(), open_.end(), identity) != open_.end())
      return refuse("a config cannot extend itself");
    if (++files_ > Limits::files) return refuse(str("more than ", Limits::files, " files"));
    const auto status = std::filesystem::status(path, code);
    if (status.type() == std::filesystem::file_type::not_found) return refuse("no such file");
    if (std::filesystem::is_directory(status))
      return refuse("this is a folder, expected a YAML file");

    std::string text;
    try {
      text = read_file(path, Limits::bytes);
    } catch (const Error&) {
      const auto size = std::filesystem::file_size(path, code);
      if (!code && size > static_cast<uintmax_t>(Limits::bytes))
        return refuse(str(size, " bytes, expected at most ", Limits::bytes));
      return refuse("cannot be read");
    }
    open_.push_back(identity);
    std::optional<Node> node = load_text(path.string(), text, &path);
    open_.pop_back();
    return node;
  }

  /// A config of that text; `path` is where it lies, nullptr if nowhere.
  std::optional<Node> load_text(const std::string& name, std::string_view text, const Path* path) {
    if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
    const auto source = make_source(name, text);
    std::optional<Node> top = parse_yaml(source, text, errors_);
    if (top && top->kind != Node::Kind::mapping) {
      errors_.add(top->place, "expected keys and values, `key: value`");
      top.reset();
    }
    std::optional<Node> result;
    bool complete = top.has_value();
    if (top) {
      const auto entry = std::find_if(top->entries.begin(), top->entries.end(),
                                      [](const Entry& e) { return e.key == "extends"; });
      if (entry != top->entries.end()) {
        for (const Node& base : bases(*entry)) {
          std::optional<Node> below;
          if (!path)
            errors_.add(base.place, "`extends` stands in a file; this text is in none");
          else
            below = load((path->parent_path() / base.text).lexically_normal(), &base.place);
          if (!below)
            complete = false;
          else if (result)
            merge(*result, std::move(*below));
          else
            result = std::move(below);
        }
        if (entry->value.kind == Node::Kind::invalid) complete = false;
        top->entries.erase(entry);
      }
    }
    source->rank = ++rank_;
    if (!complete) return {};
    if (result)
      merge(*result, std::move(*top));
    else
      result = std::move(top);
    return result;
  }

  int next_rank() { return ++rank_; }

 private:
  /// The paths that `extends` names.
  std::vector<Node> bases(Entry& extends) {
    std::vector<Node> paths;
    if (extends.value.kind == Node::Kind::list)
      paths = extends.value.items;
    else
      paths.push_back(extends.value);
    for (const Node& path : paths) {
      if (path.is_scalar() && !path.text.empty()) continue;
      errors_.add(path.place, "`extends` is a path or a list of paths");
      extends.value.kind = Node::Kind::invalid;
      return {};
    }
    return paths;
  }

  Diagnostics& errors_;
  std::vector<Path> open_;
  int files_ = 0, rank_ = 0;
};

/// Lays the overrides over the file and substitutes. Throws what made a tree impossible.
std::shared_ptr<const State> finish(Loader& loader, std::optional<Node> root,
                                    const std::vector<std::string>& overrides, Diagnostics errors) {
  for (const std::string& argument : overrides) {
    std::optional<Node> node = parse_override(argument, loader.next_rank(), errors);
    if (node && root) merge(*root, std::move(*node));
  }
  if (!root) errors.raise();
  substitute(*root, errors);
  return std::make_shared<const State>(State{std::move(*root), std::move(errors)});
}

}  // namespace
}  // namespace config

Config Config::load(const Path& file, const std::vector<std::string>& overrides) {
  config::Diagnostics errors;
  config::Loader loader(errors);
  std::optional<config::Node> root = loader.load(file, nullptr);
  return Config(config::finish(loader, std::move(root), overrides, errors));
}

Config Config::parse(std::string_view text, const std::string& name,
                     const std::vector<std::string>& overrides) {
  config::Diagnostics errors;
  config::Loader loader(errors);
  std::optional<config::Node> root = loader.load_text(name, text, nullptr);
  return Config(config::finish(loader, std::move(root), overrides, errors));
}

std::string Config::source_of(const std::string& key) const {
  const config::Node* node = config::find_path(state_->root, key);
  return node ? node->place.provenance() : "default";
}

void Config::keep_later(const std::string& key, const std::string& other) {
  const auto state = std::make_shared<config::State>(*state_);
  const auto find = [&](const std::string& path) {
    return const_cast<config::Node*>(config::find_path(state->root, path));
  };
  const auto level = [](const config::Node& node) {
    return node.place.source->is_override ? INT_MAX : node.place.source->rank;
  };
  config::Node *one = find(key), *two = find(other);
  if (!one || !two || !one->is_scalar() || !two->is_scalar()) return;
  if (level(*one) < level(*two)) std::swap(one, two);
  *two = config::Node{.kind = config::Node::Kind::null, .place = one->place};
  state_ = state;
}

}  // namespace lw
