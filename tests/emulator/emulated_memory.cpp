#include "tests/emulator/emulated_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "core/device_graph.h"
#include "core/device_runtime.h"
#include "core/error.h"
#include "tests/emulator/emulator.h"

namespace lw::emulator {
namespace {

constexpr int64_t arena_bytes = int64_t{16} << 30;  // of addresses; pages come when touched
constexpr int64_t page = 2 << 20;  // large ones: access is granted and taken for each launch

constexpr int64_t round_up(int64_t bytes, int64_t step) { return (bytes + step - 1) / step * step; }

std::byte* arena() {
  static std::byte* const begin = [] {
    void* p = mmap(nullptr, arena_bytes + page, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(p != MAP_FAILED, "emulator: no addresses for the memory of the device");
    auto* aligned = reinterpret_cast<std::byte*>(round_up(reinterpret_cast<int64_t>(p), page));
    madvise(aligned, arena_bytes, MADV_HUGEPAGE);
    return aligned;
  }();
  return begin;
}
int64_t used = 0;
int accesses = 0;

void allow(bool access) {
  if (used > 0)
    mprotect(arena(), static_cast<size_t>(round_up(used, page)),
             access ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void explain(int, siginfo_t* info, void*) {
  constexpr char text[] = "emulator: the host touched memory of the device\n";
  if (is_device_memory(info->si_addr) && info->si_addr != nullptr) [[maybe_unused]]
    const auto written = write(STDERR_FILENO, text, sizeof(text) - 1);
  std::signal(SIGSEGV, SIG_DFL);
}

class EmulatedArrival final : public Arrival {
 public:
  EmulatedArrival(const void* from, int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {
    const MemoryAccess access;
    std::memcpy(bytes_.data(), from, bytes_.size());
  }
  const void* wait() override {
    note_host_wait();
    return bytes_.data();
  }

 private:
  std::vector<std::byte> bytes_;
};

using Works = std::vector<std::function<void()>>;
std::unique_ptr<Works> record;  // null while work is done

void check_not_recording(const char* what) {
  if (record) throw NotRecordable(str("cuda: ", what, " cannot be part of a CUDA graph"));
}

class EmulatedRecording final : public Recording {
 public:
  explicit EmulatedRecording(Works works) : works_(std::move(works)) {}
  void launch() override {
    for (const auto& work : works_) submit(work);
  }

 private:
  Works works_;
};

class EmulatedRuntime final : public DeviceRuntime {
 public:
  int count() const override { return 1; }
  std::string description(int) const override { return "a GPU played by the CPU"; }
  void use(int) override {
    struct sigaction action = {};
    action.sa_sigaction = explain;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
  }

  std::byte* allocate(int64_t bytes) override {
    const int64_t rounded = round_up(bytes, 4096);
    std::vector<std::byte*>& blocks = free_[rounded];
    if (!blocks.empty()) {
      std::byte* block = blocks.back();
      blocks.pop_back();
      return block;
    }
    if (used + rounded > arena_bytes) return nullptr;
    std::byte* block = arena() + used;
    used += rounded;
    sizes_[block] = rounded;
    if (accesses > 0) allow(true);
    return block;
  }
  void free(std::byte* block) override { free_[sizes_.at(block)].push_back(block); }

  void set(void* block, unsigned char value, int64_t bytes) override {
    submit([=] {
      const MemoryAccess access;
      std::memset(block, value, static_cast<size_t>(bytes));
    });
  }
  void upload(void* to, const void* from, int64_t bytes) override {
    check_not_recording("a copy from the host");
    const MemoryAccess access;
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
  void download(void* to, const void* from, int64_t bytes) override {
    check_not_recording("a copy to the host");
    note_host_wait();
    upload(to, from, bytes);
  }
  std::unique_ptr<Arrival> fetch(const void* from, int64_t bytes) override {
    check_not_recording("a copy to the host");
    return std::make_unique<EmulatedArrival>(from, bytes);
  }
  void synchronize() override {
    check_not_recording("a wait of the host");
    note_host_wait();
  }

  void begin_recording() override { record = std::make_unique<Works>(); }
  std::unique_ptr<Recording> end_recording() override {
    return std::make_unique<EmulatedRecording>(*std::exchange(record, nullptr));
  }
  bool recording() const override { return record != nullptr; }

 private:
  std::map<int64_t, std::vector<std::byte*>> free_;
  std::map<std::byte*, int64_t> sizes_;
};

EmulatedRuntime runtime;
const RuntimeRegistration registration(DeviceKind::cuda, runtime);

}  // namespace

void submit(std::function<void()> work) {
  if (record) {
    record->push_back(std::move(work));
  } else {
    work();
  }
}

MemoryAccess::MemoryAccess() {
  if (accesses++ == 0) allow(true);
}
MemoryAccess::~MemoryAccess() {
  if (--accesses == 0) allow(false);
}

bool is_device_memory(const void* begin) {
  const auto* p = static_cast<const std::byte*>(begin);
  return p == nullptr || (p >= arena() && p < arena() + arena_bytes);
}

}  // namespace lw::emulator
