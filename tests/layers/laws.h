// What tests of several layers expect: the laws that `longwave check layer` prints, the roles of the
// parameters of a state-space model, and what it means to read both ways.
#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include "apps/check_layer.h"
#include "tests/compare.h"

namespace lw {

/// The tolerances are for processors that add a product in one rounding. Without (LW_SIMD=ssse3)
/// there are two, and twice the error.
inline void expect_laws(const std::string& kind, const std::string& options = "") {
  const double roundings = hwy::SupportedTargets() & (HWY_AVX2 | HWY_AVX3) ? 1 : 2;
  for (const LawResult& result : check_layer(kind, options))
    EXPECT_LE(result.error, roundings * result.tolerance)
        << result.layer << ": " << result.property;
}

inline Parameter parameter_of(const Layer& layer, const std::string& name) {
  for (const Parameter& p : layer.parameters())
    if (p.name == name) return p;
  throw Error("no parameter " + name);
}

inline Tensor value_of(const Layer& layer, const std::string& name) {
  return parameter_of(layer, name).value.value();
}

/// The roles by which step sizes and state matrices learn slowly; `C` is the name of the readout.
inline void expect_roles_of_dynamics(const Layer& layer, const std::string& C) {
  EXPECT_EQ(parameter_of(layer, "log_dt").role, Role::ssm_dt);
  EXPECT_EQ(parameter_of(layer, "log_A_real").role, Role::ssm_a);
  EXPECT_EQ(parameter_of(layer, "A_imag").role, Role::ssm_a);
  EXPECT_EQ(parameter_of(layer, C).role, Role::ssm_c);
  EXPECT_EQ(parameter_of(layer, "D").role, Role::ssm_d);
}

/// A bidirectional layer of 4 channels sees the future, and refuses a state in the name of `kind`.
inline void expect_bidirectional(const SequenceLayer& layer, const std::string& kind) {
  const NoGrad no_grad;
  EXPECT_FALSE(layer.causal());
  const Tensor x = Random(2).normal({1, 20, 4});
  Tensor changed = x.clone();
  changed.slice(1, 19, 20).fill(5);
  EXPECT_NE(layer(x).value().at({0, 3, 0}), layer(changed).value().at({0, 3, 0}));
  EXPECT_EQ(testing::error_of([&] { layer.forward(x, {}, {.keep_state = true}); }),
            kind + ": a bidirectional layer reads whole sequences; it takes and gives no state");
}

}  // namespace lw
