// Copies beside the GPU's work: a stream of their own, ordered against that of the work by events.
#include <bit>
#include <map>
#include <mutex>
#include <utility>

#include "core/copy_slot.h"
#include "core/cuda_stream.h"

namespace lw::cuda {
namespace {

/// The stream of all copies to this thread's device.
cudaStream_t copy_stream(int device) {
  static std::mutex mutex;
  static std::map<int, cudaStream_t> streams;
  const std::lock_guard lock(mutex);
  cudaStream_t& found = streams[device];
  if (found == nullptr) LW_CUDA(cudaStreamCreateWithFlags(&found, cudaStreamNonBlocking));
  return found;
}

class CudaCopySlot final : public CopySlot {
 public:
  explicit CudaCopySlot(int device) : device_(device) {
    LW_CUDA(cudaSetDevice(device));
    for (cudaEvent_t* event : {&sent_, &released_})
      LW_CUDA(cudaEventCreateWithFlags(event, cudaEventDisableTiming));
  }
  ~CudaCopySlot() override {
    cudaEventSynchronize(sent_);
    cudaFreeHost(block_);
    cudaEventDestroy(sent_);
    cudaEventDestroy(released_);
  }
  CudaCopySlot(const CudaCopySlot&) = delete;

  std::byte* block(int64_t bytes) override {
    LW_CUDA(cudaSetDevice(device_));  // of this thread
    LW_CUDA(cudaEventSynchronize(sent_));
    if (bytes > bytes_) {
      LW_CUDA(cudaFreeHost(std::exchange(block_, nullptr)));
      bytes_ = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(bytes)));
      LW_CUDA(cudaMallocHost(reinterpret_cast<void**>(&block_), static_cast<size_t>(bytes_)));
    }
    return block_;
  }

  void send(void* to, const std::byte* from, int64_t bytes) override {
    const cudaStream_t lane = copy_stream(device_);
    LW_CUDA(cudaStreamWaitEvent(lane, released_));
    LW_CUDA(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, lane));
    LW_CUDA(cudaEventRecord(sent_, lane));
  }
  void arrive() override { LW_CUDA(cudaStreamWaitEvent(stream(), sent_)); }
  void release() override { LW_CUDA(cudaEventRecord(released_, stream())); }

 private:
  int device_;
  std::byte* block_ = nullptr;
  int64_t bytes_ = 0;
  cudaEvent_t sent_ = nullptr, released_ = nullptr;
};

const CopySlotRegistration registration(DeviceKind::cuda, [](int device) {
  return std::unique_ptr<CopySlot>(std::make_unique<CudaCopySlot>(device));
});

}  // namespace
}  // namespace lw::cuda
