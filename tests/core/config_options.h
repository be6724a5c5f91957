// Options that use everything a config can hold, for its tests.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/options.h"

namespace lw {

struct ToyLayerOptions {
  int64_t d_state = 64;
  double dt_min = 1e-3;
  void describe(Fields& f) {
    f.optional("d_state", d_state, "state size", even());
    f.optional("dt_min", dt_min, "smallest step", positive());
  }
};

struct ToyScanOptions {
  int64_t d_state = 16;
  int64_t expand = 2;
  bool fused = true;
  void describe(Fields& f) {
    f.optional("d_state", d_state, "state size", positive());
    f.required("expand", expand, "inner width over width", positive());
    f.optional("fused", fused, "one kernel for all");
  }
};

struct ToyNothingOptions {
  void describe(Fields&) {}
};

inline int build_toy_layer(const ToyLayerOptions& options) {
  return static_cast<int>(options.d_state);
}
inline int build_toy_scan(const ToyScanOptions& options) {
  return static_cast<int>(options.expand);
}
inline int build_toy_nothing(const ToyNothingOptions&) { return 0; }

inline const Registry<int()>& toy_registry() {
  static const Registry<int()> registry = [] {
    Registry<int()> r("layer");
    r.add<ToyLayerOptions>("s4d", &build_toy_layer);
    r.add<ToyScanOptions>("mamba1", &build_toy_scan);
    r.add<ToyNothingOptions>("identity", &build_toy_nothing);
    return r;
  }();
  return registry;
}

struct ToyModelOptions {
  int64_t d_model = 0;
  double dropout = 0;
  std::string norm = "rms";
  Registry<int()>::Choice layer{toy_registry()};
  void describe(Fields& f) {
    f.required("d_model", d_model, "width", positive());
    f.optional("dropout", dropout, "share of activations dropped", probability());
    f.optional("norm", norm, "kind of the norm", one_of({"rms", "layer"}));
    f.choice("layer", layer, "kind of the sequence layer");
  }
};

struct ToyGroup {
  std::optional<double> lr;
  double weight_decay = 0;
  void describe(Fields& f) {
    f.optional("lr", lr, "instead of optim.lr", positive());
    f.optional("weight_decay", weight_decay, "decoupled", non_negative());
  }
};

struct ToyOptimOptions {
  double lr = 1e-3;
  std::vector<double> betas = {0.9, 0.999};
  std::map<std::string, ToyGroup> groups{{"matrix", {}}, {"ssm_a", {}}};
  void describe(Fields& f) {
    f.optional("lr", lr, "step size", positive());
    f.optional("betas", betas, "decay of the moments", probability());
    f.each(
        "groups", {"matrix", "ssm_a"},
        [&](Fields& fields, const std::string& name) { groups.at(name).describe(fields); },
        "by role of the parameter");
  }
};

struct ToyMixerOptions {
  Registry<int()>::Choice layer{toy_registry(), "s4d"};
  void describe(Fields& f) { f.choice("layer", layer, "kind of the mixer"); }
};

struct ToyOptions {
  std::string name = "run";
  int64_t seed = 1;
  bool verbose = false;
  std::optional<int64_t> limit;
  std::optional<std::string> root;
  std::vector<int64_t> sizes = {1, 2};
  std::vector<std::string> tags;
  ToyModelOptions model;
  ToyOptimOptions optim;
  void describe(Fields& f) {
    f.optional("name", name, "of the run");
    f.required("seed", seed, "of everything random", non_negative());
    f.optional("verbose", verbose, "say more");
    f.optional("limit", limit, "samples at most", positive());
    f.optional("root", root, "folder of the data");
    f.optional("sizes", sizes, "of the stages", positive());
    f.optional("tags", tags, "for the log");
    f.section("model", model, "the network");
    f.section("optim", optim, "the optimizer");
  }
};

}  // namespace lw
