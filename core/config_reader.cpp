// Reading: Fields that set the members of options from the tree, and collect what is wrong.
#include <algorithm>
#include <set>

#include "core/config.h"
#include "core/config_scalar.h"
#include "core/config_state.h"
#include "core/config_value.h"

namespace lw {
namespace config {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string result;
  for (const std::string& word : words) result += (result.empty() ? "" : ", ") + word;
  return result;
}

/// The first letters of the parts of a word: `lr` of `learning_rate`.
std::string initials(const std::string& word) {
  std::string result;
  for (size_t i = 0; i < word.size(); ++i)
    if (i == 0 || word[i - 1] == '_') result += word[i];
  return result;
}

/// The key that `word` was meant to be: near to it, short for it, or the long form of it.
std::string nearest_key(const std::string& word, const std::vector<std::string>& keys) {
  const std::string near = did_you_mean(word, keys);
  if (!near.empty()) return near;
  for (const std::string& key : keys) {
    const bool initial =
        (key.size() > 1 && initials(word) == key) || (word.size() > 1 && initials(key) == word);
    const size_t shorter = std::min(key.size(), word.size());
    const bool prefix = shorter > 2 && key.substr(0, shorter) == word.substr(0, shorter);
    if (initial || prefix) return key;
  }
  return "";
}

class Reader final : public Fields {
 public:
  Reader(const Node& root, Diagnostics& errors) : errors_(errors) {
    frames_.push_back({.mapping = &root, .place = {root.place.source, 1, 0, 0}});
  }

  /// To be called after the fields were described.
  void finish() {
    close_frame();
    for (const Unknown& unknown : unknown_) report(unknown);
  }

  void choice(const char* key, AnyChoice& choice, const char*) override {
    const std::string path = path_of(key);
    const Node* node = take(key);
    const std::string kinds = joined(choice.kinds()), usual = choice.kind();
    if (!node) {
      if (choice.kind().empty()) {
        missing(key, str("kinds of ", choice.what(), ": ", kinds));
        frames_.back().any_key = true;
        return;
      }
    } else if (!choose(choice, *node, path, kinds)) {
      frames_.back().any_key = true;
      return;
    }
    frames_.back().kind = choice.kind();
    if (node) {
      const bool replaces_default = !usual.empty() && usual != choice.kind();
      frames_.back().kind_since =
          node->changed_in < 0 && replaces_default ? node->first_given_in() : node->changed_in;
    }
    choice.options().describe(*this);
  }

  void each(const char* key, const std::vector<std::string>& names,
            const std::function<void(Fields&, const std::string& name)>& describe,
            const char* doc) override {
    begin(key, doc);
    for (const std::string& name : names) {
      begin(name.c_str(), "");
      if (!frames_.back().given) frames_.back().silent = true;  // no name must be given
      describe(*this, name);
      end();
    }
    end();
  }

 protected:
  void field(const char* key, FieldRef member, bool required, const char* doc,
             const Rule& rule) override {
    if (const Node* node = take(key))
      set_field(*node, path_of(key), member, rule, errors_);
    else if (required)
      missing(key, str("`", key, "`: ", doc));
  }

  void begin(const char* key, const char*) override {
    const Frame& outer = frames_.back();
    Frame frame{.path = path_of(key) + ".",
                .mapping = nullptr,
                .place = outer.place,
                .silent = outer.silent};
    const Node* node = take(key);
    if (node && node->kind == Node::Kind::mapping) {
      frame.mapping = node;
      frame.place = entry_place(key);
      frame.given = true;
    } else if (node) {
      frame.silent = true;
      if (node->kind != Node::Kind::invalid)
        errors_.add(node->place, str("`", path_of(key), "` is ", description(*node),
                                     ", expected a mapping from keys to values"));
    }
    frames_.push_back(std::move(frame));
  }

  void end() override { close_frame(); }

 private:
  /// A mapping whose fields are being described.
  struct Frame {
    std::string path;               // "model.layer."
    const Node* mapping = nullptr;  // if given
    Place place;                    // of its key, or of what is around it
    std::vector<std::string> keys;  // described so far
    std::string kind;               // chosen here
    int kind_since = -1;            // rank of the source that chose it over another one
    bool given = false;
    bool silent = false;   // missing keys are no error
    bool any_key = false;  // nor unknown ones: the kind is not known
  };
  struct Unknown {
    Place place;
    std::string prefix, key;
    std::vector<std::string> keys;
    std::string kind;
  };

  std::string path_of(const std::string& key) const { return frames_.back().path + key; }

  /// The value of `key`, from now on a known one; nullptr if not given.
  const Node* take(const std::string& key) {
    Frame& frame = frames_.back();
    frame.keys.push_back(key);
    all_keys_.push_back(frame.path + key);
    return frame.mapping ? frame.mapping->find(key) : nullptr;
  }

  Place entry_place(const std::string& key) const {
    const std::vector<Entry>& entries = frames_.back().mapping->entries;
    return std::find_if(entries.begin(), entries.end(),
                        [&](const Entry& e) { return e.key == key; })
        ->place;
  }

  void missing(const char* key, const std::string& note) {
    if (frames_.back().silent) return;
    errors_.add(frames_.back().place, str("missing key `", path_of(key), "`"), note);
  }

  bool choose(AnyChoice& choice, const Node& node, const std::string& path,
              const std::string& kinds) {
    if (node.kind == Node::Kind::invalid) return false;
    if (!node.is_scalar()) {
      errors_.add(
          node.place,
          str("`", path, "` is ", description(node), ", expected a kind of ", choice.what()),
          str("kinds: ", kinds));
      return false;
    }
    const std::vector<std::string> known = choice.kinds();
    if (std::find(known.begin(), known.end(), node.text) != known.end()) {
      choice.choose(node.text);
      return true;
    }
    const std::string near = did_you_mean(node.text, known);
    const std::string hint = near.empty() ? "" : str("did you mean `", near, "`? ");
    errors_.add(node.place,
                str("unknown ", choice.what(), " ", shown(node.text), " in `", path, "`"),
                str(hint, "(kinds: ", kinds, ")"));
    return false;
  }

  void close_frame() {
    const Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (!frame.mapping || frame.any_key) return;
    for (const Entry& entry : frame.mapping->entries) {
      if (std::find(frame.keys.begin(), frame.keys.end(), entry.key) != frame.keys.end()) continue;
      const bool of_former_kind =
          !entry.place.source->is_override && entry.place.source->rank < frame.kind_since;
      if (of_former_kind) continue;
      unknown_.push_back({entry.place, frame.path, entry.key, frame.keys, frame.kind});
    }
  }

  void report(const Unknown& unknown) {
    std::string near = nearest_key(unknown.key, unknown.keys);
    const auto elsewhere = std::find_if(all_keys_.begin(), all_keys_.end(), [&](const auto& path) {
      return path == unknown.key || path.ends_with("." + unknown.key);
    });
    if (near.empty() && elsewhere != all_keys_.end()) near = *elsewhere;
    const std::string key = shown(unknown.prefix + unknown.key);
    const std::string kind = unknown.kind.empty() ? "" : str(" (kind: ", unknown.kind, ")");
    const std::string hint = near.empty() ? "" : str("did you mean `", near, "`? ");
    const std::string keys =
        unknown.keys.empty() ? "no keys here" : str("keys here: ", joined(unknown.keys));
    errors_.add(unknown.place, str("unknown key ", key, kind), str(hint, "(", keys, ")"));
  }

  Diagnostics& errors_;
  std::vector<Frame> frames_;
  std::vector<Unknown> unknown_;
  std::vector<std::string> all_keys_;
};

/// Where a mistake of several keys stands.
Place place_of(const Node& root, const std::vector<std::string>& keys) {
  const Place* highest = nullptr;
  for (const std::string& key : keys)
    if (const Node* node = find_path(root, key))
      if (!highest || node->place.source->rank > highest->source->rank) highest = &node->place;
  if (highest) return *highest;
  const std::string section = keys.front().substr(0, keys.front().find('.'));
  for (const Entry& entry : root.entries)
    if (entry.key == section) return entry.place;
  return {root.place.source, 1, 0, 0};
}

/// "train.batch: x.yaml:4, train.accumulate: override", where not one file, or overrides alone, give these keys.
std::string sources_of(const Node& root, const std::vector<std::string>& keys) {
  std::set<const Source*> sources;
  std::string list;
  for (const std::string& key : keys) {
    const Node* node = find_path(root, key);
    if (!node) continue;
    const Source* source = node->place.source.get();
    sources.insert(source->is_override ? nullptr : source);
    list += str(list.empty() ? "" : ", ", key, ": ", node->place.provenance());
  }
  return sources.size() > 1 ? list : "";
}

}  // namespace
}  // namespace config

void Config::read_fields(const std::function<void(Fields&)>& describe) const {
  config::Diagnostics errors = state_->errors;
  config::Reader reader(state_->root, errors);
  describe(reader);
  reader.finish();
  errors.raise();
}

void Config::refuse(const std::vector<Mistake>& mistakes) const {
  config::Diagnostics errors;
  for (const auto& [keys, text] : mistakes) {
    const size_t end = std::min(text.find('\n'), text.size());
    const size_t remedy = std::min(text.find_first_not_of("\n ", end), text.size());
    errors.add(config::place_of(state_->root, keys), text.substr(0, end),
               remedy < text.size() ? text.substr(remedy) : config::sources_of(state_->root, keys));
  }
  errors.raise();
}

}  // namespace lw
