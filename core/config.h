// Config: what a run is, from YAML files and a command line into typed options.
//
//   const Config config = Config::load("configs/mnist/s4d.yaml", {"optim.lr=2e-3"});
//   RunOptions options;             // a struct with describe(Fields&), see core/options.h
//   config.read(options);           // strict; throws all mistakes at once
//   config.resolved(options);       // every value and where it came from, as YAML
//
// Precedence    defaults of the struct < files that are extended < the file < overrides.
//               Mappings are merged; anything else, a list too, is replaced as a whole.
// extends       `extends: a.yaml` or `extends: [a.yaml, b.yaml]` at the top of a file; paths are
//               relative to the file that names them, and of two the later one wins.
// Overrides     `key.path=value`; of two for one key the later one wins. A value that opens with
//               [ { " or ' is YAML, any other is taken to its end, so that `name=a: b #c` needs no
//               quotes; a word such as 007 is a string where a string is due.
// Numbers       decimal; an integer may be written 1e6. Hexadecimal, octal, leading zeros, `1_000`,
//               infinities and NaN are refused.
// Words         YAML 1.2: true and false are the booleans, `yes` and `on` are strings, null (or ~)
//               is for fields that may be absent, and a key with nothing behind it is an error. A
//               string that looks like a number stands in quotes.
// References    `${key.path}` is the value given there, `${env:NAME}` an environment variable;
//               `$${` is a plain `${`. A default cannot be referred to. Within [ ] a reference
//               stands in quotes.
// Kinds         where a key chooses a kind (`layer: mamba1`), the options of that kind stand beside
//               it. A source that changes the kind, a default one too, drops the keys that lower
//               sources gave and the new kind does not have.
// Refused       unknown and duplicate keys, tags, merge keys (`<<`), a second document, NUL,
//               control characters, text that is not UTF-8, more than 1 MiB, 64 levels, 100,000
//               values with aliases expanded, or 64 files.
//
// Errors: one Error of ErrorKind::usage with all mistakes in the order of their places, each
//
//   configs/x.yaml:14:3: error: unknown key `optim.learning_rate`
//      14 |   learning_rate: 1e-3
//         |   ^~~~~~~~~~~~~ did you mean `lr`? (keys here: lr, betas, eps)
//
// or, for an override, "override `train.steps=1e9`: error: ...". A syntax error stands alone: what
// cannot be parsed is not checked further.
//
// Reference: YAML 1.2.2, section 10.3 (core schema).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "core/options.h"

namespace lw {

namespace config {
struct State;
}

class Config {
 public:
  /// The file, what it extends, and the overrides.
  static Config load(const Path& file, const std::vector<std::string>& overrides = {});
  /// The same of a text, such as the resolved config of a checkpoint; errors call it `name`. It
  /// cannot extend files.
  static Config parse(std::string_view text, const std::string& name,
                      const std::vector<std::string>& overrides = {});

  /// Sets the members that `options` describes; those not given keep their values.
  template <class O>
  void read(O& options) const {
    read_fields([&](Fields& fields) { options.describe(fields); });
  }

  /// Every value of `options` as YAML, each with its source as a comment: `# default`,
  /// `# configs/a.yaml:12`, `# override`. Loads as a config of the same values.
  template <class O>
  std::string resolved(O options) const {
    return print_fields([&](Fields& fields) { options.describe(fields); });
  }

  /// Where the value of `key.path` comes from: "default", "configs/a.yaml:12" or "override".
  std::string source_of(const std::string& key) const;

  /// For two keys that say one thing in two ways: where both have values, the one that comes later in the order of
  /// precedence holds, and by its source the other is null. Of one file, or of all overrides together, `key` holds.
  void keep_later(const std::string& key, const std::string& other);

  /// What values that are good by themselves get wrong together: their keys, and a message whose further lines say
  /// what helps.
  struct Mistake {
    std::vector<std::string> keys;
    std::string text;
  };
  /// Throws all of them, if any, as read() would: each at the value of its keys that the highest source gives, of
  /// several the first; where none is given, at the mapping they belong in.
  void refuse(const std::vector<Mistake>& mistakes) const;

 private:
  explicit Config(std::shared_ptr<const config::State> state) : state_(std::move(state)) {}
  void read_fields(const std::function<void(Fields&)>& describe) const;
  std::string print_fields(const std::function<void(Fields&)>& describe) const;

  std::shared_ptr<const config::State> state_;
};

namespace config {
std::string print(const std::function<void(Fields&)>& describe);
std::string schema(const std::function<void(Fields&)>& describe, const std::string& title);
}  // namespace config

/// Every value of `options` as YAML, without sources: equal options give equal bytes.
template <class O>
std::string resolved_config(O options) {
  return config::print([&](Fields& fields) { options.describe(fields); });
}

/// The JSON Schema (draft 2020-12) of a config that is read into an O, for editors: types, bounds,
/// choices, docs, defaults, and the fields of each kind. It judges one file: keys that the files it
/// extends give are missing to it.
template <class O>
std::string config_schema(const std::string& title) {
  O options;
  return config::schema([&](Fields& fields) { options.describe(fields); }, title);
}

struct ConfigChange {
  std::string key, before, now;  ///< values as YAML; empty where the key is not there
};

/// The keys whose values differ between two resolved configs, in the order of `now`; then those
/// that only `before` has.
std::vector<ConfigChange> config_changes(std::string_view before, std::string_view now);

}  // namespace lw
