// longwave check: the laws of a layer, as a table.
#include <algorithm>
#include <cstdio>

#include "apps/check_layer.h"
#include "apps/commands.h"
#include "apps/output.h"
#include "apps/run.h"
#include "apps/signals.h"

namespace lw {
namespace {

void print(const LawResult& r, bool json) {
  if (json) {
    print_json({{"layer", r.layer},
                {"property", r.property},
                {"error", r.error},
                {"tolerance", r.tolerance},
                {"ok", r.ok()}});
  } else {
    std::printf("%-46s %-26s %10.2e <= %-8.0e %s\n", r.layer.c_str(), r.property.c_str(), r.error,
                r.tolerance, r.ok() ? "ok" : "FAILED");
  }
  std::fflush(stdout);
}

}  // namespace

namespace {

/// Prints results as they come; whether all hold.
class Verdict {
 public:
  explicit Verdict(bool json) : json_(json) {}
  void take(const std::vector<LawResult>& results) {
    for (const LawResult& result : results) {
      print(result, json_);
      ok_ = ok_ && result.ok();
    }
  }
  int exit_code() const { return ok_ ? 0 : 1; }

 private:
  bool json_, ok_ = true;
};

int check_layers(const CheckArguments& arguments) {
  std::vector<std::pair<std::string, std::string>> subjects;  // kind, options
  SequenceLayers::Choice choice(sequence_layers());
  if (arguments.name == "all") {
    check(arguments.overrides.empty(), "check layer all: expected no `",
          arguments.overrides.empty() ? "" : arguments.overrides.front(),
          "`; options go with one layer, for example longwave check layer s4d d_state=8");
    for (const std::string& kind : choice.kinds())
      for (const std::string& options : layer_variants(kind)) subjects.emplace_back(kind, options);
  } else {
    std::string options;
    for (const std::string& text : arguments.overrides) {
      const size_t equals = text.find('=');
      options +=
          (options.empty() ? "" : ", ") + text.substr(0, equals) + ": " + text.substr(equals + 1);
    }
    const std::vector<std::string> kinds = choice.kinds();
    const std::string near = did_you_mean(arguments.name, kinds);
    std::string list;
    for (const std::string& kind : kinds) list += (list.empty() ? "" : ", ") + kind;
    check(std::find(kinds.begin(), kinds.end(), arguments.name) != kinds.end(),
          "there is no layer `", arguments.name, "`\n  ",
          near.empty() ? "" : "did you mean `" + near + "`? ", "layers: ", list, "; or all");
    for (const std::string& variant :
         options.empty() ? layer_variants(arguments.name) : std::vector<std::string>{options})
      subjects.emplace_back(arguments.name, variant);
  }
  Verdict verdict(arguments.json);
  for (const auto& [kind, options] : subjects) verdict.take(check_layer(kind, options));
  return verdict.exit_code();
}

}  // namespace

int check_command(const CheckArguments& arguments) {
  end_at_first_signal();
  if (arguments.what == "layer") return check_layers(arguments);
  const RunConfig config = load_config(arguments.name, arguments.overrides);
  Verdict verdict(arguments.json);
  verdict.take(check_model(config.name, config.model));
  return verdict.exit_code();
}

}  // namespace lw
