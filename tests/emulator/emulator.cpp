#include "tests/emulator/emulator.h"

#include <boost/context/fiber.hpp>
#include <cstdlib>
#include <vector>

#include "tests/emulator/emulated_memory.h"

namespace lw::emulator {
namespace {

namespace context = boost::context;

constexpr size_t stack_bytes = 64 << 10;

/// Stacks of ended fibers serve the next ones.
class StackPool {
 public:
  context::stack_context allocate() {
    if (free_.empty()) return context::fixedsize_stack(stack_bytes).allocate();
    const context::stack_context stack = free_.back();
    free_.pop_back();
    return stack;
  }
  void deallocate(const context::stack_context& stack) { free_.push_back(stack); }

 private:
  std::vector<context::stack_context> free_;
};
StackPool stacks;

struct PooledStack {
  context::stack_context allocate() { return stacks.allocate(); }
  void deallocate(const context::stack_context& stack) { stacks.deallocate(stack); }
};

enum class State { ready, at_block_barrier, at_warp_barrier, done };

struct Thread {
  context::fiber fiber;
  uint3 index;
  State state = State::ready;
  uint32_t mask = 0;  // of the warp barrier it waits at
};

class Block {
 public:
  Block(dim3 size, int64_t shared_bytes, const std::function<void()>& body)
      : threads_(size.x * size.y * size.z),
        slots_((threads_.size() + warpSize - 1) / warpSize * warpSize),
        shared_(static_cast<size_t>(shared_bytes + 15) / 16) {
    // Shared memory has no value at the start: NaN.
    for (auto& word : shared_) word = {~uint64_t{0}, ~uint64_t{0}};
    for (size_t i = 0; i < threads_.size(); ++i) {
      Thread& thread = threads_[i];
      const auto number = static_cast<unsigned>(i);
      thread.index = {number % size.x, number / size.x % size.y, number / size.x / size.y};
      thread.fiber = context::fiber(std::allocator_arg, PooledStack(),
                                    [&thread, &body, this](context::fiber&& scheduler) {
                                      scheduler_ = std::move(scheduler);
                                      body();
                                      thread.state = State::done;
                                      return std::move(scheduler_);
                                    });
    }
  }

  /// Threads run in turns, upwards and downwards, so that one that should have waited is found out.
  void run() {
    bool upwards = true;
    while (true) {
      bool progress = false;
      for (size_t i = 0; i < threads_.size(); ++i) {
        current_ = upwards ? i : threads_.size() - 1 - i;
        Thread& thread = threads_[current_];
        if (thread.state != State::ready) continue;
        progress = true;
        threadIdx = thread.index;
        thread.fiber = std::move(thread.fiber).resume();
      }
      if (release_warps()) progress = true;
      if (release_block()) progress = true;
      if (all_done()) return;
      check(progress, "emulator: the threads of a block wait at different barriers");
      upwards = !upwards;
    }
  }

  void wait(State state, uint32_t mask) {
    Thread& thread = threads_[current_];
    thread.state = state, thread.mask = mask;
    scheduler_ = std::move(scheduler_).resume();
  }

  int lane() const { return static_cast<int>(current_) % warpSize; }
  uint64_t* slots() { return &slots_[current_ / warpSize * warpSize]; }
  void* shared() { return shared_.data(); }

 private:
  bool all_done() const {
    for (const Thread& thread : threads_)
      if (thread.state != State::done) return false;
    return true;
  }

  bool release_block() {
    bool waiting = false;
    for (const Thread& thread : threads_) {
      if (thread.state == State::at_block_barrier) waiting = true;
      if (thread.state == State::ready || thread.state == State::at_warp_barrier) return false;
    }
    for (Thread& thread : threads_)
      if (thread.state == State::at_block_barrier) thread.state = State::ready;
    return waiting;
  }

  /// Lets those lanes go on whose whole mask has arrived or ended.
  bool release_warps() {
    bool released = false;
    for (size_t first = 0; first < threads_.size(); first += warpSize) {
      const size_t last = std::min(first + warpSize, threads_.size());
      std::vector<size_t> free;
      for (size_t i = first; i < last; ++i) {
        if (threads_[i].state != State::at_warp_barrier) continue;
        bool complete = true;
        for (size_t j = first; j < last; ++j) {
          const bool named = threads_[i].mask >> (j - first) & 1;
          const bool here =
              threads_[j].state == State::done ||
              (threads_[j].state == State::at_warp_barrier && threads_[j].mask == threads_[i].mask);
          complete = complete && (!named || here);
        }
        if (complete) free.push_back(i);
      }
      for (const size_t i : free) threads_[i].state = State::ready;
      released = released || !free.empty();
    }
    return released;
  }

  struct Word {
    alignas(16) uint64_t low, high;
  };

  std::vector<Thread> threads_;
  std::vector<uint64_t> slots_;
  std::vector<Word> shared_;
  context::fiber scheduler_;
  size_t current_ = 0;
};

Block* running = nullptr;

}  // namespace

void run(dim3 grid, dim3 block, int64_t shared_bytes, const std::function<void()>& body) {
  check(block.x * block.y * block.z <= 1024, "emulator: a block has at most 1024 threads, not ",
        block.x * block.y * block.z);
  check(shared_bytes <= cuda::shared_memory_of_block(), "emulator: a block has at most ",
        cuda::shared_memory_of_block(), " bytes of shared memory, not ", shared_bytes);
  check(grid.y <= 65535 && grid.z <= 65535, "emulator: a grid has at most 65535 blocks along y, z");
  const MemoryAccess access;
  gridDim = grid, blockDim = block;
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) {
        Block b(block, shared_bytes, body);
        running = &b;
        b.run();
      }
  running = nullptr;
}

}  // namespace lw::emulator

int64_t lw::cuda::shared_memory_of_block() {
  static const int64_t kib = [] {
    const char* given = std::getenv("LW_EMULATED_SHARED_KIB");
    return given == nullptr ? 227 : std::atoll(given);
  }();
  return kib << 10;
}

namespace lw::emulator {

void block_barrier() { running->wait(State::at_block_barrier, 0); }
void warp_barrier(uint32_t mask) { running->wait(State::at_warp_barrier, mask); }
uint64_t* warp_slots() { return running->slots(); }
int lane() { return running->lane(); }
void* dynamic_shared_memory() { return running->shared(); }

}  // namespace lw::emulator
