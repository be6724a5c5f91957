#include "core/cuda_staging.h"

#include <bit>
#include <map>

#include "core/cuda_stream.h"

namespace lw::cuda {
namespace {

constexpr int64_t most_bytes = int64_t{256} << 20;

}  // namespace

StagingBlock Staging::take(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (const StagingBlock block = found(bytes); block.data != nullptr) return block;
  if (total_ + bytes > most_bytes) {
    LW_CUDA(cudaStreamSynchronize(stream()));
    if (const StagingBlock block = found(bytes); block.data != nullptr) return block;
  }
  StagingBlock block;
  block.bytes = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(bytes)));
  LW_CUDA(cudaMallocHost(reinterpret_cast<void**>(&block.data), static_cast<size_t>(block.bytes)));
  LW_CUDA(cudaEventCreateWithFlags(&block.passed, cudaEventDisableTiming));
  total_ += block.bytes;
  return block;
}

void Staging::mark(const StagingBlock& block) { LW_CUDA(cudaEventRecord(block.passed, stream())); }

void Staging::give(const StagingBlock& block) {
  const std::lock_guard lock(mutex_);
  given_.push_back(block);
}

StagingBlock Staging::found(int64_t bytes) {
  for (StagingBlock& block : given_) {
    if (block.bytes < bytes || block.bytes > 4 * bytes + 4096) continue;
    const cudaError_t status = cudaEventQuery(block.passed);
    if (status == cudaErrorNotReady) continue;
    check_call(status, "cudaEventQuery");
    const StagingBlock taken = block;
    block = given_.back();
    given_.pop_back();
    return taken;
  }
  return {};
}

Staging& staging() {
  static std::mutex mutex;
  static auto& all = *new std::map<int, Staging>;  // never destroyed: the device may be gone first
  int device = 0;
  LW_CUDA(cudaGetDevice(&device));
  const std::lock_guard lock(mutex);
  return all[device];
}

}  // namespace lw::cuda
