#include "core/config_node.h"

#include <algorithm>
#include <iomanip>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/config_scalar.h"

namespace lw::config {
namespace {

constexpr size_t most_errors = 100;
constexpr size_t longest_line = 160;  // bytes; a longer one is not shown

/// Characters in `text`: bytes that do not continue one.
int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

/// The line of `place` and, under it, a mark with `note`.
std::string excerpt(const Place& place, const std::string& note) {
  const std::string* line = nullptr;
  if (place.width > 0 && place.line > 0 &&
      place.line <= static_cast<int>(place.source->lines.size()))
    line = &place.source->lines[static_cast<size_t>(place.line) - 1];
  if (!line || line->empty() || line->size() > longest_line || find_text_fault(*line))
    return note.empty() ? "" : "\n  " + note;
  const std::string_view text = *line;
  const size_t column = std::min(static_cast<size_t>(place.column), text.size());
  std::ostringstream out;
  out << '\n' << std::setw(5) << place.line << " | " << text << "\n      | ";
  for (const char c : text.substr(0, column))
    if ((c & 0xc0) != 0x80) out << (c == '\t' ? '\t' : ' ');
  const int64_t width = characters(text.substr(column, static_cast<size_t>(place.width)));
  out << '^' << std::string(static_cast<size_t>(std::max<int64_t>(1, width) - 1), '~');
  if (!note.empty()) out << ' ' << note;
  return out.str();
}

std::string head(const Place& place) {
  if (place.line == 0) return place.source->name;
  std::string_view before;
  if (place.line <= static_cast<int>(place.source->lines.size()))
    before = place.source->lines[static_cast<size_t>(place.line) - 1];
  before = before.substr(0, static_cast<size_t>(place.column));
  return str(place.source->name, ":", place.line, ":", characters(before) + 1);
}

}  // namespace

std::shared_ptr<Source> make_source(std::string name, std::string_view text) {
  auto source = std::make_shared<Source>();
  source->name = std::move(name);
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    source->lines.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return source;
}

std::string Place::provenance() const {
  if (source->is_override) return "override";
  return line == 0 ? source->name : str(source->name, ":", line);
}

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

Node* Node::find(std::string_view key) { return const_cast<Node*>(std::as_const(*this).find(key)); }

const Node* find_path(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (node) {
    const size_t dot = path.find('.');
    node = node->find(path.substr(0, dot));
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  return node;
}

void merge(Node& below, Node&& above) {
  if (below.kind != Node::Kind::mapping || above.kind != Node::Kind::mapping) {
    const bool same = below.is_scalar() && above.is_scalar() && below.text == above.text;
    above.changed_in = same ? below.changed_in : above.place.source->rank;
    if (same) above.same_since = below.first_given_in();
    below = std::move(above);
    return;
  }
  if (!above.place.source->is_override) below.place = above.place;
  std::unordered_map<std::string, size_t> index;
  for (size_t i = 0; i < below.entries.size(); ++i) index.emplace(below.entries[i].key, i);
  for (Entry& entry : above.entries) {
    const auto [at, fresh] = index.emplace(entry.key, below.entries.size());
    if (fresh) {
      below.entries.push_back(std::move(entry));
      continue;
    }
    Entry& old = below.entries[at->second];
    const bool both_mappings =
        old.value.kind == Node::Kind::mapping && entry.value.kind == Node::Kind::mapping;
    if (!both_mappings || !entry.place.source->is_override) old.place = entry.place;
    merge(old.value, std::move(entry.value));
  }
}

void Diagnostics::add(const Place& place, const std::string& text, const std::string& note) {
  errors_.push_back({place, text, note});
}

void Diagnostics::raise() const {
  if (errors_.empty()) return;
  std::vector<Item> errors = errors_;
  std::stable_sort(errors.begin(), errors.end(), [](const Item& a, const Item& b) {
    return std::tuple(a.place.source->rank, a.place.line, a.place.column) <
           std::tuple(b.place.source->rank, b.place.line, b.place.column);
  });
  std::string message;
  for (size_t i = 0; i < std::min(errors.size(), most_errors); ++i) {
    const auto& [place, text, note] = errors[i];
    message += str(i == 0 ? "" : "\n", head(place), ": error: ", text, excerpt(place, note));
  }
  if (errors.size() > most_errors)
    message += str("\nconfig: error: ", errors.size() - most_errors, " more errors");
  throw Error(message);
}

}  // namespace lw::config
