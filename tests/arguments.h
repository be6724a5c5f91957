// Arguments as users may hand them to an op: rows that lie apart, documents packed in a row.
#pragma once

#include <cmath>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"

namespace lw::testing {

/// A tensor of the same elements whose rows lie further apart, NaN between them. Undefined and scalar ones stay as they are.
inline Tensor pitched(const Tensor& t) {
  if (!t || t.rank() == 0) return t;
  const Tensor wide = Tensor::full(t.shape().with(-1, t.size(-1) + 5), NAN, t.dtype());
  Tensor part = wide.slice(-1, 2, 2 + t.size(-1));
  part.copy_from(t);
  return part;
}

/// Marks of documents of lengths that vary about `mean`, u8 [batch, time].
inline Tensor random_resets(int64_t batch, int64_t time, double mean, uint64_t seed = 9) {
  std::vector<uint8_t> resets;
  for (int64_t i = 0; i < batch * time; ++i)
    resets.push_back(Random(seed).uniform_at(static_cast<uint64_t>(i)) * mean < 1);
  return Tensor::from({batch, time}, resets);
}

}  // namespace lw::testing
