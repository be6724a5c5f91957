#include "core/memory.h"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "core/error.h"

namespace lw {
namespace {

constexpr int64_t alignment = 64;
constexpr int64_t huge_page = 2 << 20;

int64_t round_up(int64_t bytes, int64_t step) { return (bytes + step - 1) / step * step; }

/// The size class that holds `bytes`: a multiple of 64, four classes to each power of two for small
/// blocks and sixteen for large ones, whose slack would count.
int64_t size_class(int64_t bytes) {
  if (bytes <= 4 * alignment) return round_up(std::max<int64_t>(bytes, 1), alignment);
  const int classes = bytes <= (64 << 10) ? 2 : 4;  // log2 of the classes to a power of two
  const int width = std::bit_width(static_cast<uint64_t>(bytes - 1));
  return round_up(bytes, int64_t{1} << (width - 1 - classes));
}

/// A block from the system, or null. Large ones begin at a huge page and ask for more of them: a
/// scan over many rows touches a new page each step, and the table of pages is soon too small.
std::byte* system_block(int64_t bytes) {
  const bool large = bytes >= huge_page;
  void* block = nullptr;
  if (posix_memalign(&block, static_cast<size_t>(large ? huge_page : alignment),
                     static_cast<size_t>(bytes)) != 0)
    return nullptr;
  if (large) madvise(block, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  return static_cast<std::byte*>(block);
}

class CpuCache {
 public:
  std::byte* take(int64_t bytes) {
    const std::lock_guard lock(mutex_);
    std::vector<std::byte*>& blocks = free_[bytes];
    std::byte* block = nullptr;
    if (!blocks.empty()) {
      block = blocks.back();
      blocks.pop_back();
      use_.cached -= bytes;
    } else {
      block = from_system(bytes);
    }
    use_.used += bytes;
    use_.peak = std::max(use_.peak, use_.used);
    if (poison_) std::memset(block, 0xff, static_cast<size_t>(bytes));
    return block;
  }

  void give(std::byte* block, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    free_[bytes].push_back(block);
    use_.used -= bytes;
    use_.cached += bytes;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    release_locked();
  }

  void poison(bool on) {
    const std::lock_guard lock(mutex_);
    poison_ = on;
  }

  MemoryUse use() {
    const std::lock_guard lock(mutex_);
    return use_;
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    use_.peak = use_.used;
  }

 private:
  std::byte* from_system(int64_t bytes) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (std::byte* block = system_block(bytes)) return block;
      release_locked();  // the cache may hold blocks of other sizes
    }
    throw Error(
        str("out of memory: ", bytes, " bytes were asked for while tensors hold ", use_.used),
        ErrorKind::memory);
  }

  void release_locked() {
    for (auto& [bytes, blocks] : free_)
      for (std::byte* block : blocks) std::free(block);
    free_.clear();
    use_.cached = 0;
  }

  std::mutex mutex_;
  std::map<int64_t, std::vector<std::byte*>> free_;
  MemoryUse use_;
  bool poison_ = [] {
    const char* value = std::getenv("LW_POISON");
    return value && std::string_view(value) == "1";
  }();
};

/// Never destroyed: tensors of static lifetime may outlive any order of destruction we could
/// choose.
CpuCache& cpu_cache() {
  static CpuCache* cache = new CpuCache;
  return *cache;
}

void require_cpu(Device device) {
  check(device.kind == DeviceKind::cpu, "device ", device,
        " is not available: this build has no CUDA");
}

}  // namespace

std::shared_ptr<std::byte> allocate(int64_t bytes, Device device) {
  require_cpu(device);
  const int64_t rounded = size_class(bytes);
  return {cpu_cache().take(rounded),
          [rounded](std::byte* block) { cpu_cache().give(block, rounded); }};
}

void poison_new_memory(bool on) { cpu_cache().poison(on); }

MemoryUse memory_use(Device device) {
  require_cpu(device);
  return cpu_cache().use();
}

void reset_peak_memory(Device device) {
  require_cpu(device);
  cpu_cache().reset_peak();
}

void release_cached_memory(Device device) {
  require_cpu(device);
  cpu_cache().release();
}

}  // namespace lw
