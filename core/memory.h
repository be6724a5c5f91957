// Memory of tensors: a caching allocator of 64-byte aligned blocks.
//
// A freed block is kept and handed out again for the next request of its size class, so that the
// second training step and all later ones allocate nothing from the system and meet no page fault.
// Size classes are spaced by a quarter of a power of two up to 64 KiB, and by a sixteenth above: at
// most a quarter, or a sixteenth, of a block is slack. Blocks of 2 MiB and more begin on a huge page
// and ask the system for such pages, which spare a scan over many rows most of its misses in the
// table of pages. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "core/device.h"

namespace lw {

/// `bytes` bytes on `device`, aligned to 64; the block returns to the cache when the last owner
/// goes. Throws Error (ErrorKind::memory), saying how much was asked and how much is in use.
std::shared_ptr<std::byte> allocate(int64_t bytes, Device device = host);

/// Fill new blocks with 0xff bytes, which read as NaN in every floating dtype, so that a kernel
/// that forgets to write an element is caught. Off by default; the tests turn it on, and so does
/// the environment variable LW_POISON=1.
void poison_new_memory(bool on);

/// Memory of a device set apart: a block that was taken from it serves only it until it ends, whether a tensor holds the
/// block or not. It takes from the cache before it asks the system.
class MemoryPool {
 public:
  explicit MemoryPool(Device device);
  /// What no tensor holds returns to the cache; the rest follows with its tensors.
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;

  /// While one of these lives, new tensors of this thread on the pool's device have their memory from it.
  class Use {
   public:
    explicit Use(const MemoryPool& pool);
    ~Use();
    Use(const Use&) = delete;

   private:
    const MemoryPool* before_;
  };

  struct Blocks;

 private:
  friend std::shared_ptr<std::byte> allocate(int64_t bytes, Device device);
  Device device_;
  std::shared_ptr<Blocks> blocks_;
};

struct MemoryUse {
  int64_t used = 0;    ///< bytes that live tensors hold now, or pools
  int64_t peak = 0;    ///< the largest `used` since reset_peak_memory()
  int64_t cached = 0;  ///< bytes kept for reuse
};
MemoryUse memory_use(Device device = host);
void reset_peak_memory(Device device = host);

/// Gives cached blocks back to the system.
void release_cached_memory(Device device = host);

}  // namespace lw
