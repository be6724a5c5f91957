// What a tolerance near the rounding of a sum depends on.
#pragma once

#include <hwy/targets.h>

namespace lw::testing {

/// How often a product that is added is rounded: once, or twice on processors without a fused instruction
/// (LW_SIMD=ssse3). Tolerances near the rounding of a sum are multiplied by it.
inline double roundings() { return hwy::SupportedTargets() & (HWY_AVX2 | HWY_AVX3) ? 1 : 2; }

}  // namespace lw::testing
