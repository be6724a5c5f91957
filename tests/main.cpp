// The main of every test binary. New tensors start as NaN, so that an element nobody wrote is
// noticed. LW_SIMD=avx2, ssse3 or scalar has the vectorised kernels compute as on a processor that
// has nothing better, LW_DEVICE=cuda has tensors live on the GPU; where there is no such way to
// compute, the program ends with 77.
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "core/device_runtime.h"
#include "core/memory.h"

#ifdef __SANITIZE_ADDRESS__
/// HDF5 forgets some of its memory when it meets a damaged file.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }
#endif

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  lw::poison_new_memory(true);
  if (const char* simd = std::getenv("LW_SIMD"); simd != nullptr) {
    const std::map<std::string, int64_t> targets = {
        {"avx2", HWY_AVX2}, {"ssse3", HWY_SSSE3}, {"scalar", HWY_SCALAR}};
    const auto target = targets.find(simd);
    if (target == targets.end()) {
      std::fprintf(stderr, "LW_SIMD: expected avx2, ssse3 or scalar, received %s\n", simd);
      return 2;
    }
    if ((hwy::SupportedTargets() & target->second) == 0) return 77;
    hwy::SetSupportedTargetsForTest(target->second);
  }
  if (const char* device = std::getenv("LW_DEVICE"); device != nullptr) {
    if (std::string(device) != "cuda") {
      std::fprintf(stderr, "LW_DEVICE: expected cuda, received %s\n", device);
      return 2;
    }
    if (lw::device_count(lw::DeviceKind::cuda) == 0) return 77;
    const lw::DeviceScope on_gpu({lw::DeviceKind::cuda});
    return RUN_ALL_TESTS();
  }
  return RUN_ALL_TESTS();
}
