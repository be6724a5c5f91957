#include "data/feed.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/copy_slot.h"
#include "core/sent_copy.h"

namespace lw {
namespace {

constexpr size_t parts = 4;

/// What a batch consists of; undefined where it has no such part or has it on a device.
std::array<Tensor, parts> parts_of(const Batch& batch) {
  std::array all{batch.inputs, batch.targets, batch.lengths, batch.resets};
  for (Tensor& part : all)
    if (part.defined() && part.device() != host) part = Tensor();
  return all;
}

bool alike(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return a.shape() == b.shape() && a.dtype() == b.dtype();
}

constexpr int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

class Feed::Slot {
 public:
  /// Memory for batches of these shapes, in the order of the device's work.
  Slot(Device device, const Batch& like) : copies_(make_copy_slot(device)) {
    const std::array<Tensor, parts> here = parts_of(like);
    for (size_t i = 0; i < parts; ++i)
      if (here[i].defined()) there_[i] = Tensor::empty(here[i].shape(), here[i].dtype(), device);
    copies_->release();
  }

  bool fits(const Batch& batch) const {
    const std::array<Tensor, parts> here = parts_of(batch);
    return std::equal(here.begin(), here.end(), there_.begin(), alike);
  }

  void send(const Batch& batch) {
    int64_t bytes = 0;
    for (const Tensor& part : parts_of(batch))
      if (part.defined()) bytes += aligned(part.bytes());
    std::byte* block = copies_->block(bytes);
    const std::array<Tensor, parts> here = parts_of(batch);
    for (size_t i = 0; i < parts; ++i) {
      if (!here[i].defined() || here[i].numel() == 0) continue;
      const Tensor packed = here[i].contiguous();
      std::memcpy(block, packed.raw(), static_cast<size_t>(packed.bytes()));
      copies_->send(there_[i].raw(), block, packed.bytes());
      block += aligned(packed.bytes());
    }
  }

  std::shared_ptr<const void> arrive(const Batch& batch) {
    copies_->arrive();
    auto sent = std::make_shared<std::array<std::unique_ptr<SentCopy>, parts>>();
    const std::array<Tensor, parts> here = parts_of(batch);
    for (size_t i = 0; i < parts; ++i)
      if (here[i].defined()) (*sent)[i] = std::make_unique<SentCopy>(here[i], there_[i]);
    return sent;
  }

  /// Whether nobody else holds what is on the device.
  bool unused() const {
    return std::all_of(there_.begin(), there_.end(),
                       [](const Tensor& part) { return !part.defined() || part.is_unique(); });
  }
  void release() { copies_->release(); }

  enum class State { free, on_its_way, in_use } state = State::free;

 private:
  std::array<Tensor, parts> there_;
  std::unique_ptr<CopySlot> copies_;  // waits in its destructor, before that memory serves others
};

Feed::Feed(Device device, int64_t slots) : device_(device), most_(static_cast<size_t>(slots)) {}

Feed::~Feed() = default;

std::unique_ptr<Feed> Feed::to(Device device, int64_t slots) {
  return make_copy_slot(device) ? std::make_unique<Feed>(device, slots) : nullptr;
}

Feed::Slot* Feed::free_slot(const Batch& batch) {
  const std::lock_guard lock(mutex_);
  for (const auto& slot : slots_) {
    if (slot->state != Slot::State::free || !slot->fits(batch)) continue;
    slot->state = Slot::State::on_its_way;
    return slot.get();
  }
  return nullptr;
}

Feed::Slot* Feed::send(const Batch& batch) {
  Slot* slot = free_slot(batch);
  if (slot != nullptr) slot->send(batch);
  return slot;
}

void Feed::take_back() {
  const std::lock_guard lock(mutex_);
  for (const auto& slot : slots_) {
    if (slot->state != Slot::State::in_use || !slot->unused()) continue;
    slot->release();
    slot->state = Slot::State::free;
  }
}

std::shared_ptr<const void> Feed::arrive(const Batch& batch, Slot* slot) {
  const std::lock_guard lock(mutex_);
  if (slot ==
      nullptr) {  // not sent ahead; the device's memory is taken here, in the order of its work
    if (slots_.size() == most_)  // batches of other shapes than those before
      std::erase_if(slots_, [&](const auto& old) { return old->state == Slot::State::free; });
    if (slots_.size() == most_) return nullptr;
    slot = slots_.emplace_back(std::make_unique<Slot>(device_, batch)).get();
    slot->send(batch);
  }
  slot->state = Slot::State::in_use;
  return slot->arrive(batch);
}

}  // namespace lw
