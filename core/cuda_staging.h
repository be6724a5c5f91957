// Staging: pinned memory of the host, from and to which copies go while the host does other things. Internal; only a
// build with CUDA has it.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace lw::cuda {

struct StagingBlock {
  std::byte* data = nullptr;
  int64_t bytes = 0;
  cudaEvent_t passed = nullptr;  // behind the last copy of this block
};

/// The blocks of one device. Thread-safe.
class Staging {
 public:
  /// A block of at least `bytes` that no copy uses. It waits for the device where too many are in use.
  StagingBlock take(int64_t bytes);
  /// Says that the stream has been given the last copy of the block; wait for `passed`.
  void mark(const StagingBlock& block);
  /// The block serves others once it is passed.
  void give(const StagingBlock& block);

 private:
  /// A block that is free and fits, or one without data.
  StagingBlock found(int64_t bytes);

  std::mutex mutex_;
  std::vector<StagingBlock> given_;
  int64_t total_ = 0;
};

/// Of this thread's device.
Staging& staging();

}  // namespace lw::cuda
