// The GPU's memory and its stream, in a build with CUDA.
#include <cstring>
#include <map>
#include <mutex>

#include "core/cuda_staging.h"
#include "core/cuda_stream.h"
#include "core/device_graph.h"
#include "core/device_runtime.h"

namespace lw::cuda {

void check_call(cudaError_t status, std::string_view call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // it has been told
  if (cudaErrorStreamCaptureUnsupported <= status && status <= cudaErrorStreamCaptureWrongThread)
    throw NotRecordable(str("cuda: ", call, ": ", cudaGetErrorString(status)));
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

constexpr int64_t largest_staged = 32 << 20;  // bytes; larger ones are rare, and waited for

class CudaArrival final : public Arrival {
 public:
  CudaArrival(const void* from, int64_t bytes) : block_(staging().take(bytes)) {
    LW_CUDA(cudaMemcpyAsync(block_.data, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost,
                            stream()));
    staging().mark(block_);
  }
  ~CudaArrival() override { staging().give(block_); }
  CudaArrival(const CudaArrival&) = delete;

  const void* wait() override {
    note_host_wait();
    LW_CUDA(cudaEventSynchronize(block_.passed));
    return block_.data;
  }

 private:
  StagingBlock block_;
};

/// A CUDA graph.
class CudaRecording final : public Recording {
 public:
  explicit CudaRecording(cudaGraph_t graph) {
    const cudaError_t status = cudaGraphInstantiate(&graph_, graph, 0);
    cudaGraphDestroy(graph);
    check_call(status, "cudaGraphInstantiate");
  }
  ~CudaRecording() override {
    cudaStreamSynchronize(stream());  // it may be running
    cudaGraphExecDestroy(graph_);
  }
  CudaRecording(const CudaRecording&) = delete;

  void launch() override { LW_CUDA(cudaGraphLaunch(graph_, stream())); }

 private:
  cudaGraphExec_t graph_ = nullptr;
};

thread_local bool recording_work = false;

/// The host cannot take part in what is recorded.
void check_not_recording(std::string_view what) {
  if (recording_work) throw NotRecordable(str("cuda: ", what, " cannot be part of a CUDA graph"));
}

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

  void upload(void* to, const void* from, int64_t bytes) override {
    check_not_recording("a copy from the host");
    const auto size = static_cast<size_t>(bytes);
    if (bytes > largest_staged) {
      LW_CUDA(cudaMemcpyAsync(to, from, size, cudaMemcpyHostToDevice, stream()));
      return synchronize();
    }
    const StagingBlock block = staging().take(bytes);
    std::memcpy(block.data, from, size);
    LW_CUDA(cudaMemcpyAsync(to, block.data, size, cudaMemcpyHostToDevice, stream()));
    staging().mark(block);
    staging().give(block);
  }

  void download(void* to, const void* from, int64_t bytes) override {
    check_not_recording("a copy to the host");
    LW_CUDA(
        cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream()));
    synchronize();
  }

  std::unique_ptr<Arrival> fetch(const void* from, int64_t bytes) override {
    check_not_recording("a copy to the host");
    return std::make_unique<CudaArrival>(from, bytes);
  }

  void synchronize() override {
    check_not_recording("a wait of the host");
    note_host_wait();
    LW_CUDA(cudaStreamSynchronize(stream()));
  }

  // Relaxed: the pool may ask for memory while kernels are recorded.
  void begin_recording() override {
    LW_CUDA(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed));
    recording_work = true;
  }
  std::unique_ptr<Recording> end_recording() override {
    recording_work = false;
    cudaGraph_t graph = nullptr;
    LW_CUDA(cudaStreamEndCapture(stream(), &graph));
    return std::make_unique<CudaRecording>(graph);
  }
  bool recording() const override { return recording_work; }
};

CudaRuntime runtime;
const RuntimeRegistration registration(DeviceKind::cuda, runtime);

}  // namespace
}  // namespace lw::cuda
