// philox: random bits as a function of a counter and a key, on the CPU and in CUDA kernels.
//
// Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <array>
#include <cstdint>

#include "core/host_device.h"

namespace lw {

/// Ten rounds of Philox 4x32: 128 random bits for a 128-bit counter and a 64-bit key.
LW_HOST_DEVICE inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c,
                                                     std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c[0], p1 = uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

/// 128 random bits: draw number `index` of a key at a training step.
LW_HOST_DEVICE inline std::array<uint32_t, 4> philox_draw(uint64_t key, uint64_t step,
                                                          uint64_t index) {
  return philox({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                 static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)},
                {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
}

/// 64 of them.
LW_HOST_DEVICE inline uint64_t philox_bits(uint64_t key, uint64_t step, uint64_t index) {
  const auto r = philox_draw(key, step, index);
  return uint64_t{r[1]} << 32 | r[0];
}

}  // namespace lw
