// The Communicator of several ranks: the collective calls over a transport, and the beats by which each rank knows that
// the others live.
//
// Every call of the transport returns at once and is made under one mutex: by the thread that waits, which then moves
// the messages itself, else by a thread of this file, so that sums go on and beats are sent while the rank computes or
// saves.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "core/device_sums.h"
#include "core/peer_watch.h"
#include "core/rank_transport.h"

namespace lw {
namespace {

using Clock = PeerWatch::Clock;
using Ticket = RankTransport::Ticket;
using Channel = RankTransport::Channel;
using namespace std::chrono_literals;

class SeveralRanks final : public Communicator {
 public:
  SeveralRanks(const RankEnvironment& environment, std::unique_ptr<RankTransport> transport)
      : Communicator(environment.rank, environment.size),
        transport_(std::move(transport)),
        interval_(std::min(PeerWatch::Seconds(1), peer_timeout() / 8)),
        watch_(environment.rank, transport_->names(), peer_timeout(), Clock::now()) {
    thread_ = std::thread([this] { look_after(); });
  }
  ~SeveralRanks() override { stop(); }

  std::vector<double> gather(std::span<const double> values) override {
    given_.assign(values.begin(), values.end());
    gathered_.resize(given_.size() * static_cast<size_t>(size()));
    call([&] {
      return transport_->gather(Channel::calls, given_.data(), std::ssize(given_) * 8,
                                gathered_.data());
    });
    return gathered_;
  }

  std::string broadcast(const std::string& bytes) override {
    const auto own_size = static_cast<double>(bytes.size());
    const std::vector<double> sizes = gather({&own_size, 1});
    if (first()) bytes_ = bytes;
    bytes_.resize(static_cast<size_t>(sizes[0]));
    call([&] { return transport_->broadcast(bytes_.data(), std::ssize(bytes_)); });
    return bytes_;
  }

  void start_sum(const Tensor& tensor) override {
    check(tensor.is_contiguous() && (tensor.dtype() == DType::f32 || tensor.dtype() == DType::f64),
          "Communicator::start_sum: expected a contiguous f32 or f64 tensor, received ", tensor);
    if (tensor.device() != host) {
      if (!asked_for_device_sums_) device_sums_ = make_device_sums(*this);
      asked_for_device_sums_ = true;
      if (device_sums_) return device_sums_->start(tensor);
    }
    {
      const std::lock_guard lock(mutex_);
      const Tensor& here = sums_.emplace_back(tensor, tensor.to(host)).here;
      summing_.push_back(transport_->sum(here.raw(), here.numel(), here.dtype()));
    }
    changed_.notify_one();
  }

  void wait_sums() override {
    if (device_sums_) device_sums_->wait();
    call([] { return no_ticket; });
    for (Sum& sum : sums_)
      if (sum.tensor.device() != host) sum.tensor.copy_from(sum.here);
    sums_.clear();
    const std::lock_guard lock(mutex_);
    summing_.clear();
  }

  int end(int code, const std::string& error, const std::function<void()>& tell) override {
    const bool own = !error.empty();
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      if (own && lost_.empty()) {
        beat_.code = code;
        std::strncpy(beat_.text, error.c_str(), sizeof beat_.text - 1);
        send_beats();
      }
    }
    const bool clean = !interrupted_ && summing_.empty();
    const std::array<double, 3> ending{static_cast<double>(code), own ? 1.0 : 0.0,
                                       clean ? static_cast<double>(calls_) : -1.0 - rank()};
    const std::vector<double> endings = meet(ending);
    if (endings.empty()) {  // a rank is lost
      // The lowest rank that is left tells it, and ends the others before they do.
      const int before = [&] {
        const std::lock_guard lock(mutex_);
        return watch_.lower_alive(Clock::now());
      }();
      std::this_thread::sleep_for(before * 3s);
      if (own) tell();
      stop(), abort(code);
    }
    int teller = -1;
    bool together = true;
    for (int r = size() - 1; r >= 0; --r) {
      const double* of_rank = &endings[3 * static_cast<size_t>(r)];
      if (of_rank[1] != 0) teller = r;
      together &= of_rank[2] == endings[2];
    }
    if (teller == rank()) tell();
    std::fflush(nullptr);
    const size_t decides = 3 * static_cast<size_t>(std::max(0, teller));
    code = static_cast<int>(endings[decides]);
    meet(ending);  // it is told
    stop();
    if (!together) abort(code);
    transport_->leave();
    std::signal(SIGTERM, SIG_IGN);  // which launchers send once the first rank has left with a code
    return code;
  }

 private:
  static constexpr Ticket no_ticket = -1;

  /// Makes one collective call: starts it, and waits for it and for all sums.
  template <class Start>
  void call(Start&& start) {
    Ticket ticket = no_ticket;
    {
      const std::lock_guard lock(mutex_);
      throw_if_failed();
      come_to_next_call();
      ticket = start();
    }
    interrupted_ = true;
    wait_until([&] {
      throw_if_failed();
      return (ticket == no_ticket || transport_->done(ticket)) && all_summed();
    });
    interrupted_ = false;
    const std::lock_guard lock(mutex_);
    watch_.goes_on();
  }

  /// Moves messages until ready() holds, at first as fast as may be, then leaving the core to others.
  template <class Ready>
  void wait_until(Ready&& ready) {
    for (const auto start = Clock::now();;) {
      {
        const std::lock_guard lock(mutex_);
        exchange_beats();
        if (ready()) return;
      }
      if (Clock::now() - start < 200us)
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(50us);
    }
  }

  /// The ends of all ranks; empty if one is lost.
  std::vector<double> meet(const std::array<double, 3>& ending) {
    endings_.resize(ending.size() * static_cast<size_t>(size()));
    own_ending_ = ending;
    Ticket ticket = no_ticket;
    {
      const std::lock_guard lock(mutex_);
      come_to_next_call();
      ticket = transport_->gather(Channel::endings, own_ending_.data(), sizeof own_ending_,
                                  endings_.data());
    }
    bool met = false;
    wait_until([&] { return (met = transport_->done(ticket)) || !lost_.empty(); });
    return met ? endings_ : std::vector<double>();
  }

  // The rest is called under the mutex, but for look_after() and stop().

  void come_to_next_call() {
    beat_.calls = ++calls_;
    watch_.waits(calls_, Clock::now());
  }

  void throw_if_failed() const {
    if (!lost_.empty()) throw Error(lost_, ErrorKind::peer);
    if (failed_code_ != 0) throw PeerError(failed_, static_cast<ErrorKind>(failed_code_));
  }

  bool all_summed() const {
    return std::all_of(summing_.begin(), summing_.end(),
                       [&](Ticket ticket) { return transport_->done(ticket); });
  }

  void send_beats() {
    sent_ = Clock::now();
    for (int r = 0; r < size(); ++r)
      if (r != rank()) transport_->send_beat(r, beat_);
  }

  /// Takes the others' beats, sends this rank's when it is time, and notes who failed or is lost.
  void exchange_beats() {
    for (const int r : transport_->progress()) watch_.closed(r);
    Beat beat;
    for (int r = 0; r < size(); ++r) {
      while (r != rank() && transport_->take_beat(r, beat)) {
        watch_.heard(r, beat.calls, Clock::now());
        if (beat.code != 0 && failed_code_ == 0)
          failed_code_ = beat.code, failed_ = str("rank ", r, ": ", beat.text);
      }
    }
    if (Clock::now() - sent_ >= interval_) send_beats();
    if (lost_.empty()) {
      lost_ = watch_.look(Clock::now());
      lost_since_ = Clock::now();
    }
  }

  /// The thread: what the rank does not do itself while it computes.
  void look_after() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const bool busy = !moved_all();
      // A rank that does not come to see that another is lost is not waited for.
      if (!lost_.empty() && !ending_ && Clock::now() - lost_since_ > 10 * interval_ + 5s) {
        std::fprintf(stderr, "longwave: error: %s\n", lost_.c_str());
        abort(static_cast<int>(ErrorKind::peer));
      }
      changed_.wait_for(lock, busy ? 100us : std::min<PeerWatch::Seconds>(interval_ / 4, 50ms));
    }
  }

  /// Exchanges beats and says whether all is summed. What fails here is thrown by the next call of this rank.
  bool moved_all() {
    try {
      exchange_beats();
      return all_summed();
    } catch (const Error& error) {
      if (lost_.empty()) lost_ = error.what(), lost_since_ = Clock::now();
      return true;
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  [[noreturn]] void abort(int code) {
    std::fflush(nullptr);
    transport_->abort(code);
    std::_Exit(code);  // compilers believe no virtual function
  }

  std::unique_ptr<RankTransport> transport_;
  PeerWatch::Seconds interval_;  // between beats
  PeerWatch watch_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
  bool stopping_ = false, ending_ = false;

  // Collective calls. Their memory outlives a call that a failure left.
  int64_t calls_ = 0;
  bool interrupted_ = false;  // a call was left
  std::vector<double> given_, gathered_, endings_;
  std::array<double, 3> own_ending_{};
  std::string bytes_;
  struct Sum {
    Tensor tensor, here;  // as given; on the host, where its memory stays while it is added up
    Sum(const Tensor& tensor, const Tensor& here) : tensor(tensor), here(here) {}
  };
  std::vector<Sum> sums_;
  std::vector<Ticket> summing_;
  std::unique_ptr<DeviceSums> device_sums_;  // null: through the host
  bool asked_for_device_sums_ = false;

  // Beats.
  Beat beat_;
  Clock::time_point sent_, lost_since_;
  std::string lost_, failed_;  // what to say of a lost rank; of one that failed
  int failed_code_ = 0;
};

}  // namespace

std::string own_process_name() {
  char machine[256] = {};
  ::gethostname(machine, sizeof machine - 1);
  return str("process ", ::getpid(), " on ", machine);
}

std::unique_ptr<Communicator> make_communicator(const RankEnvironment& environment,
                                                std::unique_ptr<RankTransport> transport) {
  return std::make_unique<SeveralRanks>(environment, std::move(transport));
}

}  // namespace lw
