// The resolved config: Fields that print every value as YAML.
#include <algorithm>

#include "core/config.h"
#include "core/config_scalar.h"
#include "core/config_state.h"

namespace lw {
namespace config {
namespace {

constexpr size_t widest = 48;  // lines up to here have their comments in one column

class Printer final : public Fields {
 public:
  /// `root`: where values came from; nullptr to leave that out.
  explicit Printer(const Node* root) : with_sources_(root) { mappings_.push_back(root); }

  std::string text() const {
    size_t column = 0;
    for (const Line& line : lines_)
      if (line.text.size() <= widest) column = std::max(column, line.text.size());
    std::string result;
    for (const Line& line : lines_) {
      result += line.text;
      if (!line.source.empty()) {
        result.append(column > line.text.size() ? column - line.text.size() : 0, ' ');
        result += "  # " + line.source;
      }
      result += '\n';
    }
    return result;
  }

  void choice(const char* key, AnyChoice& choice, const char*) override {
    check(!choice.kind().empty(), "config: no ", choice.what(), " was chosen for `", key, "`");
    add(key, string_text(choice.kind()));
    choice.options().describe(*this);
  }

  void each(const char* key, const std::vector<std::string>& names,
            const std::function<void(Fields&, const std::string& name)>& describe,
            const char* doc) override {
    begin(key, doc);
    for (const std::string& name : names) {
      begin(name.c_str(), "");
      describe(*this, name);
      end();
    }
    end();
  }

 protected:
  void field(const char* key, FieldRef member, bool, const char*, const Rule&) override {
    add(key, field_text(member));
  }

  void begin(const char* key, const char*) override {
    lines_.push_back({indent() + string_text(key) + ":", ""});
    starts_.push_back(lines_.size());
    mappings_.push_back(mappings_.back() ? mappings_.back()->find(key) : nullptr);
  }

  void end() override {
    if (starts_.back() == lines_.size()) lines_.back().text += " {}";
    starts_.pop_back();
    mappings_.pop_back();
  }

 private:
  struct Line {
    std::string text, source;
  };

  std::string indent() const { return std::string(2 * starts_.size(), ' '); }

  void add(const char* key, const std::string& value) {
    std::string source;
    if (with_sources_) {
      const Node* node = mappings_.back() ? mappings_.back()->find(key) : nullptr;
      source = node ? node->place.provenance() : "default";
      if (find_text_fault(source) || source.find('\n') != std::string::npos) source = "a file";
    }
    lines_.push_back({indent() + string_text(key) + ": " + value, source});
  }

  bool with_sources_;
  std::vector<Line> lines_;
  std::vector<size_t> starts_;         // of open mappings: lines up to and with their key
  std::vector<const Node*> mappings_;  // open ones in the tree
};

/// Calls f(path, value as YAML) for every value of the tree.
template <class F>
void for_each_leaf(const Node& node, const std::string& path, F&& f) {
  const auto text_of = [](const Node& scalar) {
    if (scalar.kind == Node::Kind::quoted) return string_text(scalar.text);
    return scalar.kind == Node::Kind::plain ? scalar.text : std::string("null");
  };
  if (node.kind == Node::Kind::list) {
    std::string list;
    for (const Node& item : node.items) list += (list.empty() ? "" : ", ") + text_of(item);
    f(path, "[" + list + "]");
  } else if (node.kind == Node::Kind::mapping) {
    for (const Entry& entry : node.entries)
      for_each_leaf(entry.value, path.empty() ? entry.key : path + "." + entry.key, f);
  } else {
    f(path, text_of(node));
  }
}

Node tree_of(std::string_view text, const char* name) {
  Diagnostics errors;
  auto root = parse_yaml(make_source(name, text), text, errors);
  if (root) substitute(*root, errors);
  errors.raise();
  return std::move(*root);
}

}  // namespace

std::string print(const std::function<void(Fields&)>& describe) {
  Printer printer(nullptr);
  describe(printer);
  return printer.text();
}

}  // namespace config

std::string Config::print_fields(const std::function<void(Fields&)>& describe) const {
  config::Printer printer(&state_->root);
  describe(printer);
  return printer.text();
}

std::vector<ConfigChange> config_changes(std::string_view before, std::string_view now) {
  std::vector<std::pair<std::string, std::string>> old_values;
  config::for_each_leaf(
      config::tree_of(before, "the earlier config"), "",
      [&](const auto& key, const auto& text) { old_values.emplace_back(key, text); });
  std::sort(old_values.begin(), old_values.end());
  std::vector<bool> seen(old_values.size());
  std::vector<ConfigChange> changes;
  config::for_each_leaf(
      config::tree_of(now, "the config"), "", [&](const auto& key, const auto& text) {
        const auto old = std::lower_bound(old_values.begin(), old_values.end(), key,
                                          [](const auto& a, const auto& k) { return a.first < k; });
        const bool known = old != old_values.end() && old->first == key;
        if (known) seen[static_cast<size_t>(old - old_values.begin())] = true;
        const std::string earlier = known ? old->second : "";
        if (earlier != text) changes.push_back({key, earlier, text});
      });
  for (size_t i = 0; i < old_values.size(); ++i)
    if (!seen[i]) changes.push_back({old_values[i].first, old_values[i].second, ""});
  return changes;
}

}  // namespace lw
