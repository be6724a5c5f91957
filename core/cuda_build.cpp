// In a build with CUDA.
#include "core/cuda_build.h"

#include <cublasLt.h>

#include "core/error.h"

namespace lw {

std::string cuda_architectures() { return LW_CUDA_NAMES; }

std::string cublas_version() {
  const size_t version = cublasLtGetVersion();
  return str(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

}  // namespace lw
