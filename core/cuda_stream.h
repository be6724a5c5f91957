// The CUDA runtime, as the rest of the library uses it. Internal; only a build with CUDA has it.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "core/error.h"

namespace lw::cuda {

/// Throws Error naming the call that failed and why; ErrorKind::memory where memory ran out.
void check_call(cudaError_t status, std::string_view call);
#define LW_CUDA(call) ::lw::cuda::check_call(call, #call)

/// The stream on which everything of this thread's device happens.
cudaStream_t stream();

/// Bytes of shared memory that a block can have on this thread's device.
int64_t shared_memory_of_block();

/// Starts a kernel with arguments of exactly the types of its parameters.
template <class... Parameters>
void start(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, int64_t shared_bytes,
           const std::remove_cvref_t<Parameters>&... arguments) {
  const auto bytes = static_cast<size_t>(shared_bytes);
  const auto* function = reinterpret_cast<const void*>(kernel);
  // 48 KiB need no asking for, but what the kernel declares itself is among them.
  if (bytes > (40 << 10))
    LW_CUDA(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(bytes)));
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&arguments))..., nullptr};
  LW_CUDA(cudaLaunchKernel(function, blocks, threads, pointers, bytes, stream()));
}

}  // namespace lw::cuda
