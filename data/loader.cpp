#include "data/loader.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/communicator.h"

namespace lw {

int64_t shuffled(int64_t position, int64_t size, uint64_t seed, int64_t epoch) {
  check(0 <= position && position < size, "shuffled: position ", position, " is outside [0, ", size,
        ")");
  int half_bits = 1;
  while ((int64_t{1} << (2 * half_bits)) < size) ++half_bits;
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  const Random round_keys = Random(seed).fork("sample order").at_step(static_cast<uint64_t>(epoch));
  auto x = static_cast<uint64_t>(position);
  do {  // a bijection on [0, 4^half_bits), repeated until it lands inside
    uint64_t left = x >> half_bits, right = x & mask;
    for (uint64_t round = 0; round < 6; ++round) {
      const uint64_t next = left ^ (round_keys.fork(round).bits_at(right) & mask);
      left = right, right = next;
    }
    x = left << half_bits | right;
  } while (x >= static_cast<uint64_t>(size));
  return static_cast<int64_t>(x);
}

struct Loader::State {
  const Dataset& dataset;
  LoaderOptions options;
  int64_t micro_batch = 0;  // samples of a micro-batch, over all ranks
  int64_t steps_per_epoch = 0;
  int64_t next_micro = 0;  // counted over the run: step * accumulate + micro
  double waited = 0;

  // Shared with the thread that prepares batches.
  std::mutex mutex;
  std::condition_variable changed;
  struct Prepared {
    Item item;
    Feed::Slot* slot;  // in which it is on its way to the device; null: it is not
  };
  std::deque<Prepared> ready;
  std::exception_ptr failure;
  bool stopping = false;
  std::thread worker;
  std::unique_ptr<Feed> feed;  // null on the CPU

  State(const Dataset& d, const LoaderOptions& o) : dataset(d), options(o) {}

  /// Micro-batch `number` of the run: a pure function of the options.
  Item prepare(int64_t number) const {
    Item item;
    item.step = number / options.accumulate;
    item.micro = number % options.accumulate;
    item.epoch = item.step / steps_per_epoch;
    const Share share = share_of(micro_batch, options.rank, options.world_size);
    item.first_sample = item.micro * micro_batch + share.begin;
    const int64_t first = (item.step % steps_per_epoch) * options.batch + item.first_sample;
    std::vector<int64_t> indices;
    for (int64_t i = first; i < first + share.end - share.begin; ++i)
      indices.push_back(options.shuffle ? shuffled(i, dataset.size(), options.seed, item.epoch)
                                        : i);
    item.batch = dataset.batch(indices, item.epoch);
    return item;
  }

  void work() {
    for (int64_t number = next_micro;; ++number) {
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] {
          return stopping || static_cast<int64_t>(ready.size()) < options.prefetch;
        });
        if (stopping) return;
      }
      try {
        Item item = prepare(number);
        Feed::Slot* slot = feed ? feed->send(item.batch) : nullptr;
        const std::lock_guard lock(mutex);
        ready.push_back({std::move(item), slot});
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
      }
      changed.notify_all();
      if (failure) return;
    }
  }
};

void check_division(const LoaderOptions& o) {
  check(o.batch > 0 && o.accumulate > 0 && o.world_size > 0,
        "train.batch and train.accumulate must be positive");
  check(o.batch % o.accumulate == 0, "train.batch is ", o.batch,
        ", which does not divide evenly by train.accumulate = ", o.accumulate);
  check(o.batch / o.accumulate >= o.world_size, "train.batch is ", o.batch, " in ", o.accumulate,
        " part(s): too few sequences for ", o.world_size,
        " ranks\n  take a larger train.batch, a smaller train.accumulate, or fewer ranks");
}

Loader::Loader(const Dataset& dataset, const LoaderOptions& o, int64_t first_step)
    : state_(std::make_unique<State>(dataset, o)) {
  check_division(o);
  check(o.batch <= dataset.size(), "train.batch is ", o.batch, ", but the training split has only ",
        dataset.size(), " samples");
  state_->micro_batch = o.batch / o.accumulate;
  state_->steps_per_epoch = dataset.size() / o.batch;
  state_->next_micro = first_step * o.accumulate;
  // One batch in use, the others ahead.
  if (o.prefetch > 0) state_->feed = Feed::to(default_device(), o.prefetch + 1);
  if (o.prefetch > 0) state_->worker = std::thread([state = state_.get()] { state->work(); });
}

Loader::~Loader() {
  if (!state_->worker.joinable()) return;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  state_->worker.join();
}

Loader::Item Loader::next() {
  State& s = *state_;
  if (s.options.prefetch == 0) return s.prepare(s.next_micro++);
  if (s.feed) s.feed->take_back();
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(s.mutex);
  s.changed.wait(lock, [&] { return !s.ready.empty() || s.failure; });
  s.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (s.ready.empty()) std::rethrow_exception(s.failure);
  auto [item, slot] = std::move(s.ready.front());
  s.ready.pop_front();
  lock.unlock();
  s.changed.notify_all();
  if (s.feed) item.on_device = s.feed->arrive(item.batch, slot);
  return std::move(item);
}

int64_t Loader::steps_per_epoch() const { return state_->steps_per_epoch; }

double Loader::wait_seconds() const { return state_->waited; }

}  // namespace lw
