// Weights in fewer bits, for inference: what a step of a recurrence costs is the bytes of the weights.
//
//   f32    as they were trained
//   bf16   8 significant bits an element
//   int8   one byte an element and one factor an output channel, see kernels/quantize
//
// Stored so are the matrices of linear maps and the tables of tokens (Parameter::streamed); all else
// stays f32, and so do the sums. A table that is also the output projection is stored once.
// Reference: kernels/quantize/README.md has the error of each format.
#pragma once

#include "autograd/parameter.h"

namespace lw {

enum class WeightFormat { f32, bf16, int8 };

/// The spellings of WeightFormat on the command line, in its order.
inline const std::vector<std::string> weight_formats = {"f32", "bf16", "int8"};
/// Throws Error for another spelling.
WeightFormat weight_format(const std::string& name);

struct StoredWeights {
  int64_t bytes = 0;   ///< that all parameters take now
  double error = 0;    ///< the largest |W^ - W| / |W| of a parameter, root mean squares
  std::string worst;   ///< the parameter that has it; empty if nothing was lost
  int64_t stored = 0;  ///< parameters that are in fewer bits
};

/// Keeps the parameters in `format` from now on; they can be computed with under NoGrad, no longer
/// trained. Matrices with rows of fewer than 32 elements stay f32: a factor for each would cost more
/// than it saves.
StoredWeights store_weights(const Parameters& parameters, WeightFormat format);

}  // namespace lw
