// The GPU's memory and its stream, in a build with CUDA.
#include <map>
#include <mutex>

#include "core/cuda_stream.h"
#include "core/device_runtime.h"

namespace lw::cuda {

void check_call(cudaError_t status, std::string_view call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // it has been told
  throw Error(str("cuda: ", call, ": ", cudaGetErrorString(status)),
              status == cudaErrorMemoryAllocation ? ErrorKind::memory : ErrorKind::usage);
}

cudaStream_t stream() {
  static std::mutex mutex;
  static std::map<int, cudaStream_t> streams;  // never destroyed: tensors may outlive us
  int device = 0;
  LW_CUDA(cudaGetDevice(&device));
  const std::lock_guard lock(mutex);
  cudaStream_t& found = streams[device];
  if (found == nullptr) LW_CUDA(cudaStreamCreateWithFlags(&found, cudaStreamNonBlocking));
  return found;
}

int64_t shared_memory_of_block() {
  int device = 0, bytes = 0;
  LW_CUDA(cudaGetDevice(&device));
  LW_CUDA(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  return bytes;
}

namespace {

class CudaRuntime final : public DeviceRuntime {
 public:
  int count() const override {
    static const int devices = [] {
      int found = 0;
      if (cudaGetDeviceCount(&found) == cudaSuccess) return found;
      cudaGetLastError();
      return 0;
    }();
    return devices;
  }

  std::string description(int index) const override {
    cudaDeviceProp properties;
    LW_CUDA(cudaGetDeviceProperties(&properties, index));
    return str(properties.name, ", compute capability ", properties.major, ".", properties.minor,
               ", ", properties.totalGlobalMem >> 30, " GiB");
  }

  void use(int index) override { LW_CUDA(cudaSetDevice(index)); }

  std::byte* allocate(int64_t bytes) override {
    void* block = nullptr;
    const cudaError_t status = cudaMalloc(&block, static_cast<size_t>(bytes));
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
    check_call(status, "cudaMalloc");
    return static_cast<std::byte*>(block);
  }

  // The cache gives blocks back when memory is short, while the stream may still use them.
  void free(std::byte* block) override {
    synchronize();
    LW_CUDA(cudaFree(block));
  }

  void set(void* block, unsigned char value, int64_t bytes) override {
    LW_CUDA(cudaMemsetAsync(block, value, static_cast<size_t>(bytes), stream()));
  }

  void copy(void* to, const void* from, int64_t bytes) override {
    LW_CUDA(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, stream()));
    synchronize();  // the host may read, or overwrite, its side at once
  }

  void synchronize() override { LW_CUDA(cudaStreamSynchronize(stream())); }
};

CudaRuntime runtime;
const RuntimeRegistration registration(DeviceKind::cuda, runtime);

}  // namespace
}  // namespace lw::cuda
