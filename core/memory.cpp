#include "core/memory.h"

#include <sys/mman.h>

#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "core/device_runtime.h"
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

/// What is here already.
class HostArrival final : public Arrival {
 public:
  HostArrival(const void* from, int64_t bytes)
      : bytes_(static_cast<const std::byte*>(from), static_cast<const std::byte*>(from) + bytes) {}
  const void* wait() override { return bytes_.data(); }

 private:
  std::vector<std::byte> bytes_;
};

class CpuRuntime final : public DeviceRuntime {
 public:
  int count() const override { return 1; }
  std::string description(int) const override { return "the processor"; }
  void use(int) override {}
  std::byte* allocate(int64_t bytes) override { return system_block(bytes); }
  void free(std::byte* block) override { std::free(block); }
  void set(void* block, unsigned char value, int64_t bytes) override {
    std::memset(block, value, static_cast<size_t>(bytes));
  }
  void upload(void* to, const void* from, int64_t bytes) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
  void download(void* to, const void* from, int64_t bytes) override { upload(to, from, bytes); }
  std::unique_ptr<Arrival> fetch(const void* from, int64_t bytes) override {
    return std::make_unique<HostArrival>(from, bytes);
  }
  void synchronize() override {}
  void begin_recording() override {
    throw Error("the CPU does what it is given; it records nothing");
  }
  std::unique_ptr<Recording> end_recording() override { return nullptr; }
  bool recording() const override { return false; }
};
CpuRuntime cpu_runtime;
const RuntimeRegistration registration(DeviceKind::cpu, cpu_runtime);

std::atomic<bool> poison = [] {
  const char* value = std::getenv("LW_POISON");
  return value && std::string_view(value) == "1";
}();

using FreeBlocks = std::map<int64_t, std::vector<std::byte*>>;  // by size

}  // namespace

struct MemoryPool::Blocks {
  FreeBlocks free;
  bool ended = false;
};

namespace {

using Pool = std::shared_ptr<MemoryPool::Blocks>;

/// A block of this size, taken from those that are free, or null.
std::byte* taken_from(FreeBlocks& free, int64_t bytes) {
  std::vector<std::byte*>& blocks = free[bytes];
  if (blocks.empty()) return nullptr;
  std::byte* block = blocks.back();
  blocks.pop_back();
  return block;
}

/// The blocks of one device.
class Cache {
 public:
  explicit Cache(Device device) : runtime_(runtime_of(device)) {}

  /// For a pool, or for everybody.
  std::byte* take(int64_t bytes, MemoryPool::Blocks* pool) {
    const std::lock_guard lock(mutex_);
    std::byte* block = pool != nullptr ? taken_from(pool->free, bytes) : nullptr;
    if (block == nullptr) {
      block = taken_from(free_, bytes);
      if (block != nullptr) {
        use_.cached -= bytes;
      } else {
        block = from_system(bytes);
      }
      use_.used += bytes;
      use_.peak = std::max(use_.peak, use_.used);
    }
    if (poison) runtime_.set(block, 0xff, bytes);
    return block;
  }

  void give(std::byte* block, int64_t bytes, MemoryPool::Blocks* pool) {
    const std::lock_guard lock(mutex_);
    if (pool != nullptr && !pool->ended) {
      pool->free[bytes].push_back(block);
    } else {
      give_locked(block, bytes);
    }
  }

  void end(MemoryPool::Blocks& pool) {
    const std::lock_guard lock(mutex_);
    pool.ended = true;
    for (const auto& [bytes, blocks] : pool.free)
      for (std::byte* block : blocks) give_locked(block, bytes);
    pool.free.clear();
  }

  void release() {
    const std::lock_guard lock(mutex_);
    release_locked();
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
  void give_locked(std::byte* block, int64_t bytes) {
    free_[bytes].push_back(block);
    use_.used -= bytes;
    use_.cached += bytes;
  }

  std::byte* from_system(int64_t bytes) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (std::byte* block = runtime_.allocate(bytes)) return block;
      release_locked();  // the cache may hold blocks of other sizes
    }
    throw Error(
        str("out of memory: ", bytes, " bytes were asked for while tensors hold ", use_.used),
        ErrorKind::memory);
  }

  void release_locked() {
    for (auto& [bytes, blocks] : free_)
      for (std::byte* block : blocks) runtime_.free(block);
    free_.clear();
    use_.cached = 0;
  }

  DeviceRuntime& runtime_;
  std::mutex mutex_;
  FreeBlocks free_;
  MemoryUse use_;
};

thread_local const MemoryPool* pool_in_use = nullptr;

/// Never destroyed: tensors of static lifetime may outlive any order of destruction we could
/// choose.
Cache& cache_of(Device device) {
  if (device == host) {  // asked for most, and without a lock
    static Cache* cache = new Cache(host);
    return *cache;
  }
  static std::mutex mutex;
  static std::map<int, Cache*> caches;
  const std::lock_guard lock(mutex);
  Cache*& cache = caches[device.index];
  if (cache == nullptr) cache = new Cache(device);
  return *cache;
}

}  // namespace

std::shared_ptr<std::byte> allocate(int64_t bytes, Device device) {
  const int64_t rounded = size_class(bytes);
  Cache& cache = cache_of(device);
  if (pool_in_use != nullptr && pool_in_use->device_ == device) {
    const Pool pool = pool_in_use->blocks_;
    return {cache.take(rounded, pool.get()),
            [rounded, &cache, pool](std::byte* b) { cache.give(b, rounded, pool.get()); }};
  }
  return {cache.take(rounded, nullptr),
          [rounded, &cache](std::byte* b) { cache.give(b, rounded, nullptr); }};
}

MemoryPool::MemoryPool(Device device) : device_(device), blocks_(std::make_shared<Blocks>()) {}

MemoryPool::~MemoryPool() { cache_of(device_).end(*blocks_); }

MemoryPool::Use::Use(const MemoryPool& pool) : before_(std::exchange(pool_in_use, &pool)) {}

MemoryPool::Use::~Use() { pool_in_use = before_; }

void poison_new_memory(bool on) { poison = on; }

MemoryUse memory_use(Device device) { return cache_of(device).use(); }

void reset_peak_memory(Device device) { cache_of(device).reset_peak(); }

void release_cached_memory(Device device) { cache_of(device).release(); }

}  // namespace lw
