// Copies beside the work of the emulated GPU: each is done as late as it may be, when the device's work waits for it. A
// block that is written to meanwhile, or memory that is given to others, spoils what arrives.
#include <cstring>
#include <mutex>
#include <vector>

#include "core/copy_slot.h"
#include "core/error.h"
#include "tests/emulator/emulated_memory.h"

namespace lw::emulator {
namespace {

class EmulatedCopySlot final : public CopySlot {
 public:
  std::byte* block(int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    check(copies_.empty(),
          "emulator: the block of a CopySlot was asked for before its copies arrived");
    if (bytes > static_cast<int64_t>(block_.size())) block_.resize(static_cast<size_t>(bytes));
    return block_.data();
  }
  void send(void* to, const std::byte* from, int64_t bytes) override {
    const std::lock_guard lock(mutex_);
    copies_.push_back({to, from, static_cast<size_t>(bytes)});
  }
  void arrive() override {
    const std::lock_guard lock(mutex_);
    const MemoryAccess access;
    for (const Copy& copy : copies_) std::memcpy(copy.to, copy.from, copy.bytes);
    copies_.clear();
  }
  void release() override {}

 private:
  struct Copy {
    void* to;
    const std::byte* from;
    size_t bytes;
  };
  std::mutex mutex_;
  std::vector<std::byte> block_;
  std::vector<Copy> copies_;
};

const CopySlotRegistration registration(DeviceKind::cuda, [](int) {
  return std::unique_ptr<CopySlot>(std::make_unique<EmulatedCopySlot>());
});

}  // namespace
}  // namespace lw::emulator
