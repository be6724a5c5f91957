// YAML text to a tree, guarded. The only file that includes yaml-cpp.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/config_node.h"
#include "core/config_scalar.h"

namespace lw::config {
namespace {

/// Thrown after an error that leaves no tree.
struct Hopeless {};

/// Where a quoted string that opens at `line`, `column` ends: past its closing quote. Nothing if it
/// is never closed, which yaml-cpp takes for closed at the end of the text.
std::optional<std::pair<size_t, size_t>> end_of_quotes(const std::vector<std::string>& lines,
                                                       size_t line, size_t column) {
  const char quote = lines[line][column++];
  for (; line < lines.size(); ++line, column = 0) {
    const std::string& text = lines[line];
    for (; column < text.size(); ++column) {
      if (quote == '"' && text[column] == '\\') {
        ++column;
      } else if (text[column] == quote) {
        const bool doubled = quote == '\'' && column + 1 < text.size() && text[column + 1] == quote;
        if (!doubled) return std::pair(line, column + 1);
        ++column;
      }
    }
  }
  return {};
}

/// What yaml-cpp says, in the words of this program where they say more.
std::string explained(const std::string& message, std::string_view line, bool is_override) {
  const size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
  if (!is_override && line.substr(0, indent).find('\t') != std::string_view::npos)
    return "a tab in the indentation; YAML is indented with spaces";
  if (message == "end of sequence flow not found") return "a `[` that is never closed";
  if (message == "end of map flow not found") return "a `{` that is never closed";
  if (message == "end of map not found" || message == "end of sequence not found")
    return "text that belongs to nothing before it; check quotes and indentation";
  if (message == "illegal map value")
    return "a `:` where no key can stand; a value that holds `: ` stands in quotes";
  if (message == "the referenced anchor is not defined" || message == "alias not found after *")
    return "an alias of no anchor; a value that starts with `*` stands in quotes";
  return message;
}

/// Builds the tree from yaml-cpp's events, each of which has its place.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const SourceRef& source, Diagnostics& errors) : source_(source), errors_(errors) {}

  std::optional<Node> take() { return std::move(root_); }
  Place place(const YAML::Mark& mark) const {
    return {source_, source_->is_override ? 0 : mark.line + 1, mark.column};
  }

  /// The list or mapping that is open.
  Place innermost() const { return open_.empty() ? Place{source_} : open_.back().node.place; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_)
      fail(place(mark),
           source_->is_override ? "text behind the value" : "a second document; a config is one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    std::string_view word = at(mark);
    word = word.substr(0, word.find_first_of(" \t,]}:"));
    Node node;
    node.place = place(mark);
    if (!word.empty() && classify(word) == ScalarKind::null) {
      node.kind = Node::Kind::null;
      node.place.width = static_cast<int>(word.size());
    } else if (!open_.empty() && open_.back().key) {
      node.place = open_.back().key->place;  // yaml-cpp points at what follows the empty value
    }
    if (expects_key()) fail(node.place, "a key must be a word");
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) fail(place(mark), "a key must be a word, not an alias");
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(place(mark), "an alias within what it stands for");
    Node node = found->second;
    count(node.nodes, place(mark));
    guard_depth(node.height, mark);
    node.place = place(mark);
    add(std::move(node), YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = refuse_tag(tag, mark) ? Node::Kind::invalid
                : tag == "?"          ? Node::Kind::plain
                                      : Node::Kind::quoted;
    node.text = value;
    node.place = place(mark);
    node.place.width = width_of(mark, value);
    if (value.find('\0') != std::string::npos) fail(node.place, "a string with a NUL in it");
    if (expects_key())
      begin_key(value, node.place);
    else
      add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::mapping, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Key {
    std::string name;
    Place place;
    bool refused;  // its value is read and dropped
  };
  /// A list or mapping whose end has not come.
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    std::optional<Key> key;
    std::unordered_map<std::string, int> lines;  // of the keys so far
    bool tagged;
  };

  [[noreturn]] void fail(const Place& place, const std::string& text) {
    errors_.add(place, text);
    throw Hopeless{};
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::mapping && !open_.back().key;
  }

  std::string_view line(const YAML::Mark& mark) const {
    const auto i = static_cast<size_t>(mark.line);
    return i < source_->lines.size() ? std::string_view(source_->lines[i]) : std::string_view();
  }

  /// What stands at `mark`, an anchor skipped.
  std::string_view at(const YAML::Mark& mark) const {
    std::string_view text = line(mark);
    text.remove_prefix(std::min(static_cast<size_t>(mark.column), text.size()));
    if (!text.empty() && text[0] == '&') {
      text.remove_prefix(std::min(text.find(' '), text.size()));
      text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    }
    return text;
  }

  /// Bytes of a scalar on its first line.
  int width_of(const YAML::Mark& mark, const std::string& text) {
    const std::string_view word = at(mark);
    if (word.empty()) return 1;
    if (word[0] != '"' && word[0] != '\'')
      return word.substr(0, text.size()) == text ? std::max(1, static_cast<int>(text.size())) : 1;
    const auto first = static_cast<size_t>(mark.line);
    const size_t begin = line(mark).size() - word.size();
    const auto end = end_of_quotes(source_->lines, first, begin);
    if (!end) fail(place(mark), "a quote that is never closed");
    return static_cast<int>((end->first == first ? end->second : line(mark).size()) - begin);
  }

  bool refuse_tag(const std::string& tag, const YAML::Mark& mark) {
    const std::string_view word = at(mark);
    const bool tagged = (tag != "?" && tag != "!") || (!word.empty() && word[0] == '!');
    if (tagged) errors_.add(place(mark), "tags are refused; types are known without them");
    return tagged;
  }

  void count(int64_t nodes, const Place& place) {
    nodes_ += nodes;
    if (nodes_ > Limits::nodes)
      fail(place, str("more than ", Limits::nodes, " values, aliases expanded"));
  }

  void guard_depth(int height, const YAML::Mark& mark) {
    if (static_cast<int>(open_.size()) + height > Limits::depth)
      fail(place(mark), str("nested deeper than ", Limits::depth, " levels"));
  }

  void begin_key(const std::string& name, const Place& place) {
    Open& mapping = open_.back();
    const auto [first, fresh] = mapping.lines.emplace(name, place.line);
    const std::string first_line =
        place.line > 0 ? str(" (first at line ", first->second, ")") : "";
    if (name == "<<")
      errors_.add(place, "merge keys are refused",
                  "`extends: FILE` at the top of a config builds on another one");
    else if (!fresh)
      errors_.add(place, str("duplicate key ", shown(name), first_line));
    mapping.key = Key{name, place, name == "<<" || !fresh};
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (expects_key()) fail(place(mark), "a key must be a word");
    guard_depth(1, mark);
    count(1, place(mark));
    Open container{
        .node = {}, .anchor = anchor, .key = {}, .lines = {}, .tagged = refuse_tag(tag, mark)};
    container.node.kind = kind;
    container.node.place = place(mark);
    open_.push_back(std::move(container));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.tagged) done.node.kind = Node::Kind::invalid;
    add(std::move(done.node), done.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (node.height == 1) count(1, node.place);
    if (anchor != YAML::NullAnchor) {
      count(node.nodes, node.place);  // the copy kept for aliases is a cost too
      anchors_.emplace(anchor, node);
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    parent.node.nodes += node.nodes;
    parent.node.height = std::max(parent.node.height, node.height + 1);
    if (parent.node.kind == Node::Kind::list) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    const Key key = *std::exchange(parent.key, std::nullopt);
    if (!key.refused) parent.node.entries.push_back({key.name, key.place, std::move(node)});
  }

  SourceRef source_;
  Diagnostics& errors_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::optional<Node> root_;
  int64_t nodes_ = 0;
};

}  // namespace

std::optional<Node> parse_yaml(const SourceRef& source, std::string_view text,
                               Diagnostics& errors) {
  if (static_cast<int64_t>(text.size()) > Limits::bytes) {
    errors.add({source}, str("larger than ", Limits::bytes, " bytes"));
    return {};
  }
  if (const auto fault = find_text_fault(text)) {
    const std::string_view before = text.substr(0, fault->at);
    const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    errors.add({source, static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1,
                static_cast<int>(fault->at - line_start)},
               fault->what, "a config is UTF-8 text");
    return {};
  }
  Builder builder(source, errors);
  try {
    std::istringstream in(std::string(text) + '\n');  // without it `[1, 2` has a key at its end
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Hopeless&) {
    return {};
  } catch (const YAML::Exception& error) {
    const bool unclosed = error.msg.find("flow not found") != std::string::npos;
    const Place place = error.mark.is_null() ? Place{source}
                        : unclosed           ? builder.innermost()
                                             : builder.place(error.mark);
    const auto line = static_cast<size_t>(error.mark.line);
    errors.add(place, explained(error.msg, line < source->lines.size() ? source->lines[line] : "",
                                source->is_override));
    return {};
  }
  std::optional<Node> root = builder.take();
  const bool nothing = !root || root->kind == Node::Kind::empty || root->kind == Node::Kind::null;
  if (nothing && !source->is_override) {
    root.emplace();
    root->kind = Node::Kind::mapping;
    root->place = {source, 1};
  }
  return root;
}

}  // namespace lw::config
