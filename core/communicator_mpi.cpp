// Ranks that speak through MPI: the collective calls, and the beats by which each knows that the others live.
//
// Every call of MPI is non-blocking and made under one mutex: by the thread that waits, which then moves the messages
// itself, else by a thread of this file, so that sums go on and beats are sent while the rank computes or saves.
#include "core/communicator_mpi.h"

#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "core/device_sums.h"
#include "core/peer_watch.h"

namespace lw {
namespace {

using Clock = PeerWatch::Clock;
using namespace std::chrono_literals;

/// What a rank tells the others, again and again.
struct Beat {
  int64_t calls = 0;
  int32_t code = 0;          ///< of the error it failed with; 0: it has not
  char text[256 - 12] = {};  ///< of that error, cut
};
static_assert(sizeof(Beat) == 256);

/// Refuses an error of MPI, which has lost a rank or never had it.
void require(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(str(call, ": ", text), ErrorKind::peer);
}

std::string own_name() {
  char host[MPI_MAX_PROCESSOR_NAME + 1] = {};
  int length = 0;
  MPI_Get_processor_name(host, &length);
  return str("process ", ::getpid(), " on ", host);
}

class MpiCommunicator final : public Communicator {
 public:
  explicit MpiCommunicator(const RankEnvironment& expected)
      : Communicator(expected.rank, expected.size),
        interval_(std::min(PeerWatch::Seconds(1), peer_timeout() / 8)),
        watch_(expected.rank, connect(), peer_timeout(), Clock::now()),
        told_(static_cast<size_t>(size())),
        from_(static_cast<size_t>(size())),
        receiving_(from_.size(), MPI_REQUEST_NULL),
        sending_(from_.size(), MPI_REQUEST_NULL) {
    for (int r = 0; r < size(); ++r)
      if (r != rank()) receive(r);
    thread_ = std::thread([this] { look_after(); });
  }
  ~MpiCommunicator() override { stop(); }

  std::vector<double> gather(std::span<const double> values) override {
    given_.assign(values.begin(), values.end());
    gathered_.resize(given_.size() * static_cast<size_t>(size()));
    const int count = static_cast<int>(given_.size());
    call([&](MPI_Request* request) {
      require(MPI_Iallgather(given_.data(), count, MPI_DOUBLE, gathered_.data(), count, MPI_DOUBLE,
                             world_, request),
              "MPI_Iallgather");
    });
    return gathered_;
  }

  std::string broadcast(const std::string& bytes) override {
    const auto own_size = static_cast<double>(bytes.size());
    const std::vector<double> sizes = gather({&own_size, 1});
    if (first()) bytes_ = bytes;
    bytes_.resize(static_cast<size_t>(sizes[0]));
    call([&](MPI_Request* request) {
      require(
          MPI_Ibcast(bytes_.data(), static_cast<int>(bytes_.size()), MPI_BYTE, 0, world_, request),
          "MPI_Ibcast");
    });
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
      require(MPI_Iallreduce(MPI_IN_PLACE, here.raw(), static_cast<int>(here.numel()),
                             here.dtype() == DType::f32 ? MPI_FLOAT : MPI_DOUBLE, MPI_SUM, world_,
                             &summing_.emplace_back()),
              "MPI_Iallreduce");
    }
    changed_.notify_one();
  }

  void wait_sums() override {
    if (device_sums_) device_sums_->wait();
    call([](MPI_Request*) {});
    for (Sum& sum : sums_)
      if (sum.tensor.device() != host) sum.tensor.copy_from(sum.here);
    sums_.clear(), summing_.clear();
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
      std::this_thread::sleep_for(watch_.lower_alive(Clock::now()) * 3s);
      if (own) tell();
      abort(code);
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
    if (!together) abort(code);
    stop();
    for (MPI_Request& request : receiving_)
      if (request != MPI_REQUEST_NULL) MPI_Cancel(&request), MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Finalize();
    std::signal(SIGTERM, SIG_IGN);  // which mpirun sends once the first rank has left with a code
    return code;
  }

 private:
  /// Initialises MPI and returns the names of all ranks' processes.
  std::vector<std::string> connect() {
    // Copying out of another process's memory is forbidden in most containers. What the user sets stands.
    ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    int provided = 0, found = 0;
    require(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    check(provided >= MPI_THREAD_SERIALIZED, "MPI: this library does not let threads take turns");
    MPI_Comm_size(MPI_COMM_WORLD, &found);
    check(found == size(), "MPI: the environment tells of ", size(), " ranks, MPI of ", found,
          "\n  start them with the mpirun of this MPI: ", mpi_version(),
          "; with srun, add --mpi=pmix");
    for (MPI_Comm* comm : {&world_, &side_}) {
      MPI_Comm_dup(MPI_COMM_WORLD, comm);
      MPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN);
    }
    std::array<char, 256> own{};
    std::strncpy(own.data(), own_name().c_str(), own.size() - 1);
    std::vector<std::array<char, 256>> all(static_cast<size_t>(size()));
    require(MPI_Allgather(own.data(), 256, MPI_CHAR, all.data(), 256, MPI_CHAR, side_),
            "MPI_Allgather");
    std::vector<std::string> names;
    for (const auto& name : all) names.emplace_back(name.data());
    return names;
  }

  /// Makes one collective call: starts it, and waits for it and for all sums.
  template <class Start>
  void call(Start&& start) {
    {
      const std::lock_guard lock(mutex_);
      throw_if_failed();
      come_to_next_call();
      start(&waiting_);
    }
    interrupted_ = true;
    wait_until([&] {
      throw_if_failed();
      return done(waiting_) && std::all_of(summing_.begin(), summing_.end(), done);
    });
    interrupted_ = false;
    const std::lock_guard lock(mutex_);
    watch_.goes_on();
  }

  static bool done(MPI_Request& request) {
    int flag = 0;
    require(MPI_Test(&request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
    return flag != 0;
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
    MPI_Request request = MPI_REQUEST_NULL;
    {
      const std::lock_guard lock(mutex_);
      come_to_next_call();
      MPI_Iallgather(own_ending_.data(), 3, MPI_DOUBLE, endings_.data(), 3, MPI_DOUBLE, side_,
                     &request);
    }
    bool met = false;
    wait_until([&] { return (met = done(request)) || !lost_.empty(); });
    return met ? endings_ : std::vector<double>();
  }

  void come_to_next_call() {
    beat_.calls = ++calls_;
    watch_.waits(calls_, Clock::now());
  }

  void throw_if_failed() const {
    if (!lost_.empty()) throw Error(lost_, ErrorKind::peer);
    if (failed_code_ != 0) throw PeerError(failed_, static_cast<ErrorKind>(failed_code_));
  }

  // The rest is called under the mutex, but for look_after() and stop().

  void receive(int r) {
    const auto i = static_cast<size_t>(r);
    require(MPI_Irecv(&from_[i], sizeof(Beat), MPI_BYTE, r, 0, side_, &receiving_[i]), "MPI_Irecv");
  }

  void send_beats() {
    sent_ = Clock::now();
    for (int r = 0; r < size(); ++r) {
      const auto i = static_cast<size_t>(r);
      if (r == rank() || !done(sending_[i])) continue;  // it has not taken the last one
      told_[i] = beat_;
      require(MPI_Isend(&told_[i], sizeof(Beat), MPI_BYTE, r, 0, side_, &sending_[i]), "MPI_Isend");
    }
  }

  /// Takes the others' beats, sends this rank's when it is time, and notes who failed or is lost.
  void exchange_beats() {
    for (int r = 0; r < size(); ++r) {
      const auto i = static_cast<size_t>(r);
      while (r != rank() && done(receiving_[i])) {
        watch_.heard(r, from_[i].calls, Clock::now());
        if (from_[i].code != 0 && failed_code_ == 0)
          failed_code_ = from_[i].code, failed_ = str("rank ", r, ": ", from_[i].text);
        receive(r);
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
      exchange_beats();
      const bool all_summed = std::all_of(summing_.begin(), summing_.end(), done);
      // A rank that does not come to see that another is lost is not waited for.
      if (!lost_.empty() && !ending_ && Clock::now() - lost_since_ > 10 * interval_ + 5s) {
        std::fprintf(stderr, "longwave: error: %s\n", lost_.c_str());
        abort(static_cast<int>(ErrorKind::peer));
      }
      changed_.wait_for(lock,
                        all_summed ? std::min<PeerWatch::Seconds>(interval_ / 4, 50ms) : 100us);
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

  [[noreturn]] static void abort(int code) {
    std::fflush(nullptr);
    MPI_Abort(MPI_COMM_WORLD, code);
    std::_Exit(code);
  }

  PeerWatch::Seconds interval_;                            // between beats
  MPI_Comm world_ = MPI_COMM_NULL, side_ = MPI_COMM_NULL;  // collective calls; beats and ends
  PeerWatch watch_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
  bool stopping_ = false, ending_ = false;

  // Collective calls. Their memory outlives a call that a failure left.
  int64_t calls_ = 0;
  bool interrupted_ = false;  // a call was left
  MPI_Request waiting_ = MPI_REQUEST_NULL;
  std::vector<double> given_, gathered_, endings_;
  std::array<double, 3> own_ending_{};
  std::string bytes_;
  struct Sum {
    Tensor tensor, here;  // as given; on the host, where its memory stays while MPI writes there
    Sum(const Tensor& tensor, const Tensor& here) : tensor(tensor), here(here) {}
  };
  std::vector<Sum> sums_;
  std::vector<MPI_Request> summing_;
  std::unique_ptr<DeviceSums> device_sums_;  // null: through the host
  bool asked_for_device_sums_ = false;

  // Beats.
  Beat beat_;
  std::vector<Beat> told_, from_;  // to and from each rank
  std::vector<MPI_Request> receiving_, sending_;
  Clock::time_point sent_, lost_since_;
  std::string lost_, failed_;  // what to say of a lost rank; of one that failed
  int failed_code_ = 0;
};

}  // namespace

std::unique_ptr<Communicator> make_mpi_communicator(const RankEnvironment& expected) {
  return std::make_unique<MpiCommunicator>(expected);
}

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  return std::string(text, std::find(text, text + length, ','));
}

}  // namespace lw
