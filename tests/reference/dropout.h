// The masks of dropout by their definition, to be read beside kernels/dropout/dropout.h.
#pragma once

#include <vector>

#include "core/random.h"
#include "kernels/dropout/dropout.h"

namespace lw::reference {

/// y in row-major order, for x [sample, time, channel].
inline std::vector<double> dropout(const kernels::Dropout& how, const Tensor& x) {
  const std::vector<double> in = x.to_vector();
  const auto time = static_cast<uint64_t>(x.size(1)), channel = static_cast<uint64_t>(x.size(2));
  std::vector<double> y;
  for (uint64_t i = 0; i < in.size(); ++i) {
    const uint64_t c = i % channel, t = i / channel % time;
    const uint64_t sample = i / channel / time + static_cast<uint64_t>(how.first_sample);
    const uint64_t index = how.mask == kernels::Mask::element   ? (sample * time + t) * channel + c
                           : how.mask == kernels::Mask::channel ? sample * channel + c
                                                                : sample;
    const uint64_t block = index / 4;
    const uint32_t word =
        philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0},
               {static_cast<uint32_t>(how.key), static_cast<uint32_t>(how.key >> 32)})[index % 4];
    y.push_back(word >= how.rate * 0x1p32 ? in[i] / (1 - how.rate) : 0);
  }
  return y;
}

}  // namespace lw::reference
