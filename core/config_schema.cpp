// The JSON Schema of a config: Fields that describe themselves to editors.
#include <nlohmann/json.hpp>

#include "core/config.h"

namespace lw::config {
namespace {

using Json = nlohmann::ordered_json;

/// A value may be a reference, `${other.key}`, whatever its type.
constexpr const char* reference = "\\$\\{";

Json type_of(const bool*) { return {{"type", {"boolean", "string"}}, {"pattern", reference}}; }
Json type_of(const int64_t*) { return {{"type", {"integer", "string"}}, {"pattern", reference}}; }
Json type_of(const double*) { return {{"type", {"number", "string"}}, {"pattern", reference}}; }
Json type_of(const std::string*) { return {{"type", "string"}}; }

Json bound(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

void add_rule(Json& schema, const Rule& rule) {
  if (rule.minimum) schema[rule.open ? "exclusiveMinimum" : "minimum"] = bound(*rule.minimum);
  if (rule.maximum)
    schema[rule.open || rule.below ? "exclusiveMaximum" : "maximum"] = bound(*rule.maximum);
  if (rule.multiple_of > 1) schema["multipleOf"] = rule.multiple_of;
  if (rule.filled) schema["minLength"] = 1;
  if (!rule.choices.empty())
    schema = {{"anyOf", {{{"enum", rule.choices}}, {{"type", "string"}, {"pattern", reference}}}}};
}

template <class T>
Json schema_of(const T* member, const Rule& rule) {
  Json schema = type_of(member);
  add_rule(schema, rule);
  return schema;
}
template <class T>
Json schema_of(const std::optional<T>*, const Rule& rule) {
  return {{"anyOf", {schema_of(static_cast<const T*>(nullptr), rule), {{"type", "null"}}}}};
}
template <class T>
Json schema_of(const std::vector<T>*, const Rule& rule) {
  Json schema = {{"type", "array"}, {"items", schema_of(static_cast<const T*>(nullptr), rule)}};
  if (rule.filled) schema["minItems"] = 1;
  return schema;
}

template <class T>
Json default_of(const T& value) {
  return value;
}
template <class T>
Json default_of(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

class Schema final : public Fields {
 public:
  Schema() { open_.push_back(mapping()); }

  Json take() { return std::move(open_.back()); }

  void choice(const char* key, AnyChoice& choice, const char* doc) override {
    const std::vector<std::string> kinds = choice.kinds();
    const std::string usual = choice.kind();
    open_.back()["properties"][key] = {{"description", doc}, {"enum", kinds}};
    if (usual.empty())
      open_.back()["required"].push_back(key);
    else
      open_.back()["properties"][key]["default"] = usual;
    for (const std::string& kind : kinds) {
      choice.choose(kind);
      open_.push_back(Json{{"properties", Json::object()}, {"required", Json::array()}});
      choice.options().describe(*this);
      Json fields = std::move(open_.back());
      open_.pop_back();
      Json condition = {{"properties", {{key, {{"const", kind}}}}}};
      if (kind != usual) condition["required"] = {key};  // without its key, the default holds
      open_.back()["allOf"].push_back({{"if", condition}, {"then", std::move(fields)}});
    }
  }

  void each(const char* key, const std::vector<std::string>& names,
            const std::function<void(Fields&, const std::string& name)>& describe,
            const char* doc) override {
    begin(key, doc);
    for (const std::string& name : names) {
      begin(name.c_str(), "");
      describe(*this, name);
      pop(name, false);
    }
    pop(key, false);
    names_.resize(names_.size() - names.size() - 1);
  }

 protected:
  void field(const char* key, FieldRef member, bool required, const char* doc,
             const Rule& rule) override {
    Json schema = {{"description", doc}};
    std::visit(
        [&](const auto* value) {
          schema.update(schema_of(value, rule));
          if (!required) schema["default"] = default_of(*value);
        },
        member);
    open_.back()["properties"][key] = std::move(schema);
    if (required) open_.back()["required"].push_back(key);
  }

  void begin(const char* key, const char* doc) override {
    names_.push_back(key);
    Json section = mapping();
    if (*doc) section["description"] = doc;
    open_.push_back(std::move(section));
  }

  void end() override {
    const std::string key = names_.back();
    names_.pop_back();
    pop(key, true);
  }

 private:
  static Json mapping() {
    return {{"type", "object"},
            {"properties", Json::object()},
            {"required", Json::array()},
            {"unevaluatedProperties", false}};
  }

  /// Closes the mapping of `key`. A mapping that must hold something must be there.
  void pop(const std::string& key, bool may_be_required) {
    Json section = std::move(open_.back());
    open_.pop_back();
    const bool required = may_be_required && !section["required"].empty();
    if (required) open_.back()["required"].push_back(key);
    open_.back()["properties"][key] = std::move(section);
  }

  std::vector<Json> open_;
  std::vector<std::string> names_;
};

}  // namespace

std::string schema(const std::function<void(Fields&)>& describe, const std::string& title) {
  Schema fields;
  describe(fields);
  Json root = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
  root.update(fields.take());
  Json extends = {
      {"description", "files that this one builds on, relative to it"},
      {"anyOf", {{{"type", "string"}}, {{"type", "array"}, {"items", {{"type", "string"}}}}}}};
  root["properties"]["extends"] = std::move(extends);
  return root.dump(2) + "\n";
}

}  // namespace lw::config
