#include <cstdlib>
#include <unordered_set>

#include "core/config_node.h"
#include "core/config_scalar.h"

namespace lw::config {
namespace {

class Substituter {
 public:
  Substituter(Node& root, Diagnostics& errors) : root_(root), errors_(errors) {}

  void visit(Node& node) {
    if (node.is_scalar()) expand(node);
    for (Node& item : node.items) visit(item);
    for (Entry& entry : node.entries) visit(entry.value);
  }

 private:
  /// What a reference stands for, or why it stands for nothing.
  struct Meaning {
    std::string text, fault;
  };

  void expand(Node& node) {
    if (node.text.find("${") == std::string::npos || !done_.insert(&node).second) return;
    active_.insert(&node);
    std::string result;
    std::string_view rest = node.text;
    std::string fault;
    while (!rest.empty() && fault.empty()) {
      if (rest.substr(0, 3) == "$${") {
        result += "${";
        rest.remove_prefix(3);
      } else if (rest.substr(0, 2) == "${") {
        const size_t end = rest.find('}');
        if (end == std::string_view::npos) {
          fault = "`${` without its `}`; the two letters themselves are written `$${`";
          break;
        }
        Meaning meaning = look_up(std::string(rest.substr(2, end - 2)));
        fault = std::move(meaning.fault);
        result += meaning.text;
        rest.remove_prefix(end + 1);
      } else {
        result += rest[0];
        rest.remove_prefix(1);
      }
      if (static_cast<int64_t>(result.size()) > Limits::bytes - total_)
        fault = str("substitution makes more than ", Limits::bytes, " bytes of text");
    }
    active_.erase(&node);
    total_ += static_cast<int64_t>(result.size());
    if (fault.empty()) {
      node.text = std::move(result);
      node.is_text = true;
    } else {
      node.kind = Node::Kind::invalid;
      if (fault != told_elsewhere) errors_.add(node.place, fault);
    }
  }

  Meaning look_up(const std::string& name) {
    if (name.substr(0, 4) == "env:") return look_up_environment(name.substr(4));
    Node* node = const_cast<Node*>(find_path(root_, name));
    if (!node)
      return {"", str("`${", name, "}`: no such key is given; a default has no text to refer to")};
    if (active_.count(node)) return {"", str("`${", name, "}` refers to itself")};
    if (node->is_scalar()) expand(*node);
    if (node->kind == Node::Kind::invalid) return {"", told_elsewhere};
    if (!node->is_scalar())
      return {"", str("`${", name, "}` is no single value that could be put in here")};
    return {node->text, ""};
  }

  static Meaning look_up_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (!value) return {"", str("the environment has no variable ", shown(name))};
    if (const auto fault = find_text_fault(value))
      return {"", str("the environment variable ", shown(name), " holds ", fault->what)};
    return {value, ""};
  }

  static constexpr const char* told_elsewhere = "what it refers to is wrong";

  Node& root_;
  Diagnostics& errors_;
  std::unordered_set<const Node*> done_, active_;
  int64_t total_ = 0;
};

}  // namespace

void substitute(Node& root, Diagnostics& errors) { Substituter(root, errors).visit(root); }

}  // namespace lw::config
