// What this build has of CUDA, for people. Internal.
#pragma once

#include <string>

namespace lw {

/// What the kernels were compiled for, as nvcc calls it, "sm_90, sm_120 and compute_120", or that there is no CUDA.
std::string cuda_architectures();

/// "13.1.0", or why there is none.
std::string cublas_version();

}  // namespace lw
