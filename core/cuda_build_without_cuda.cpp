// In place of cuda_build.cpp, in a build without CUDA.
#include "core/cuda_build.h"

namespace lw {

std::string cuda_architectures() { return "this build has no CUDA"; }

std::string cublas_version() { return "this build has no CUDA"; }

}  // namespace lw
