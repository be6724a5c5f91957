// Options: what a config can set of a thing, described once in C++.
//
//   struct S4DOptions {
//     int64_t d_state = 64;
//     double dt_min = 1e-3;
//     void describe(Fields& f) {
//       f.optional("d_state", d_state, "state size, counted in real numbers", even());
//       f.optional("dt_min", dt_min, "smallest initial step size", positive());
//     }
//   };
//
// That one description reads the YAML, refuses unknown keys, prints the resolved config and emits
// the JSON schema: each is a class derived from Fields (core/config.h). Layers, optimizers and
// datasets are chosen by name from a Registry; a Choice holds the name and the options of that
// kind.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"

namespace lw {

/// A condition on a value beside its type. The bounds are inclusive unless `open`.
struct Rule {
  std::optional<double> minimum, maximum;
  bool open = false;                 ///< the bounds themselves are refused
  bool below = false;                ///< the maximum itself is refused
  int64_t multiple_of = 1;           ///< of integers
  bool filled = false;               ///< strings and lists are not empty
  std::vector<std::string> choices;  ///< of strings; empty: any

  bool holds(double value) const;
  bool holds(const std::string& value) const;
  std::string text() const;  ///< "positive", "one of: a, b", ...; for messages. Empty if all pass
};
/// The shortest text that reads back as `value`: 0.001, 1e-5, 3.
std::string number_text(double value);

Rule positive();
Rule non_negative();
Rule at_least(double minimum);
Rule between(double minimum, double maximum);
Rule probability();  ///< in [0, 1)
Rule even();         ///< positive and even
Rule one_of(std::vector<std::string> choices);
Rule non_empty();  ///< of a string; of a list of strings and each of them

/// A pointer to the member that a field sets. An optional member may be `null` in YAML.
using FieldRef =
    std::variant<bool*, int64_t*, double*, std::string*, std::vector<int64_t>*,
                 std::vector<double>*, std::vector<std::string>*, std::optional<int64_t>*,
                 std::optional<double>*, std::optional<std::string>*>;

class AnyOptions;
class AnyChoice;

/// Visits the fields of an options struct: reads, prints, or lists them.
class Fields {
 public:
  virtual ~Fields() = default;

  /// A key that must be given.
  template <class T>
  void required(const char* key, T& member, const char* doc, const Rule& rule = {}) {
    field(key, &member, true, doc, rule);
  }
  /// A key that may be given; the member holds the default.
  template <class T>
  void optional(const char* key, T& member, const char* doc, const Rule& rule = {}) {
    field(key, &member, false, doc, rule);
  }
  /// A mapping of its own under `key`.
  template <class O>
  void section(const char* key, O& options, const char* doc) {
    begin(key, doc);
    options.describe(*this);
    end();
  }
  /// `key: kind`, and in the same mapping the fields of that kind. Required, unless `choice` has
  /// a kind already, which then is the default.
  virtual void choice(const char* key, AnyChoice& choice, const char* doc) = 0;
  /// A mapping from names to sections of one type: f(name) gives the section's options to describe.
  /// No name must be given.
  virtual void each(const char* key, const std::vector<std::string>& names,
                    const std::function<void(Fields&, const std::string& name)>& describe,
                    const char* doc) = 0;

 protected:
  virtual void field(const char* key, FieldRef member, bool required, const char* doc,
                     const Rule& rule) = 0;
  virtual void begin(const char* key, const char* doc) = 0;
  virtual void end() = 0;
};

/// Options of any type.
class AnyOptions {
 public:
  virtual ~AnyOptions() = default;
  virtual void describe(Fields& f) = 0;
};

template <class O>
class OptionsOf final : public AnyOptions {
 public:
  O value;
  void describe(Fields& f) override { value.describe(f); }
};

/// A kind chosen from a registry, as the config layer sees it.
class AnyChoice {
 public:
  virtual ~AnyChoice() = default;
  virtual const char* what() const = 0;  ///< "layer", "optimizer", "dataset"
  virtual std::vector<std::string> kinds() const = 0;
  virtual const std::string& kind() const = 0;  ///< empty before choose()
  virtual void choose(const std::string& kind) = 0;
  virtual AnyOptions& options() = 0;
};

template <class Signature>
class Registry;

/// The kinds of one thing. A .cpp adds its kind from a static object:
///     const bool registered = sequence_layers().add<S4DOptions, S4D>("s4d");
template <class Product, class... Args>
class Registry<Product(Args...)> {
 public:
  explicit Registry(const char* what) : what_(what) {}

  /// Adds the kind that `build` makes from its options O.
  template <class O>
  bool add(const std::string& kind, Product (*build)(const O&, Args...)) {
    const bool fresh =
        entries_
            .emplace(kind, Entry{[] { return std::make_shared<OptionsOf<O>>(); },
                                 [build](const AnyOptions& options, Args... args) {
                                   return build(static_cast<const OptionsOf<O>&>(options).value,
                                                std::forward<Args>(args)...);
                                 }})
            .second;
    check(fresh, what_, " `", kind, "` is registered twice");
    return true;
  }

  /// Adds the class C, whose constructor takes its options O and then what every kind is given.
  template <class O, class C>
  bool add(const std::string& kind) {
    return add<O>(kind, [](const O& options, Args... args) -> Product {
      return std::make_unique<C>(options, std::forward<Args>(args)...);
    });
  }

  /// A kind of this registry, with its options.
  class Choice final : public AnyChoice {
   public:
    explicit Choice(const Registry& registry) : registry_(&registry) {}
    /// With a default.
    Choice(const Registry& registry, const std::string& kind) : Choice(registry) { choose(kind); }
    const char* what() const override { return registry_->what_; }
    std::vector<std::string> kinds() const override {
      std::vector<std::string> names;
      for (const auto& [name, entry] : registry_->entries_) names.push_back(name);
      return names;
    }
    const std::string& kind() const override { return kind_; }
    void choose(const std::string& kind) override {
      const auto entry = registry_->entries_.find(kind);
      check(entry != registry_->entries_.end(), "unknown ", what(), " `", kind, "`");
      kind_ = kind;
      options_ = entry->second.make_options();
    }
    AnyOptions& options() override { return *options_; }
    /// The options as their own type; throws std::bad_cast if the kind has others.
    template <class O>
    O& as() {
      return dynamic_cast<OptionsOf<O>&>(*options_).value;
    }
    Product build(Args... args) const {
      check(options_ != nullptr, "no ", what(), " was chosen");
      return registry_->entries_.at(kind_).build(*options_, std::forward<Args>(args)...);
    }

   private:
    const Registry* registry_;
    std::string kind_;
    std::shared_ptr<AnyOptions> options_;
  };

 private:
  struct Entry {
    std::function<std::shared_ptr<AnyOptions>()> make_options;
    std::function<Product(const AnyOptions&, Args...)> build;
  };
  const char* what_;
  std::map<std::string, Entry> entries_;
};

}  // namespace lw
