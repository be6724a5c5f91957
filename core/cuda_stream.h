// The CUDA runtime, as the rest of the library uses it. Internal; for .cu files and for files that
// are compiled with CUDA alone.
#pragma once

#include <cuda_runtime.h>

#include <string_view>
#include <type_traits>

#include "core/error.h"

namespace lw::cuda {

/// Throws Error naming the call that failed and why; ErrorKind::memory where memory ran out.
void check_call(cudaError_t status, std::string_view call);
#define LW_CUDA(call) ::lw::cuda::check_call(call, #call)

/// The stream on which everything of this thread's device happens.
cudaStream_t stream();

template <class... Parameters>
void start(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, int64_t shared_bytes,
           const std::remove_cvref_t<Parameters>&... arguments) {
  const auto bytes = static_cast<size_t>(shared_bytes);
  if (bytes > (48 << 10))
    LW_CUDA(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(bytes)));
  kernel<<<blocks, threads, bytes, stream()>>>(arguments...);
  LW_CUDA(cudaGetLastError());
}

/// Memory that the threads of a block share, of the size given to launch().
template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char lw_dynamic_shared[];
  return reinterpret_cast<T*>(lw_dynamic_shared);
}

}  // namespace lw::cuda
