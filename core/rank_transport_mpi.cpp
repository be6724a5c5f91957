// Ranks that speak through MPI, by its non-blocking calls alone.
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "core/rank_transport.h"

namespace lw {
namespace {

/// Refuses an error of MPI, which has lost a rank or never had it.
void require(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(str(call, ": ", text), ErrorKind::peer);
}

class MpiTransport final : public RankTransport {
 public:
  explicit MpiTransport(const RankEnvironment& expected)
      : rank_(expected.rank),
        told_(static_cast<size_t>(expected.size)),
        from_(told_.size()),
        receiving_(told_.size(), MPI_REQUEST_NULL),
        sending_(told_.size(), MPI_REQUEST_NULL) {
    // Copying out of another process's memory is forbidden in most containers. What the user sets stands.
    ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    int provided = 0, found = 0;
    require(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    check(provided >= MPI_THREAD_SERIALIZED, "MPI: this library does not let threads take turns");
    MPI_Comm_size(MPI_COMM_WORLD, &found);
    check(found == expected.size, "MPI: the environment tells of ", expected.size,
          " ranks, MPI of ", found, "\n  start them with the mpirun of this MPI: ", mpi_version(),
          "; with srun, add --mpi=pmix, or set MASTER_ADDR and MASTER_PORT");
    for (MPI_Comm* comm : {&calls_, &endings_}) {
      MPI_Comm_dup(MPI_COMM_WORLD, comm);
      MPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN);
    }
    std::array<char, 256> own{};
    std::strncpy(own.data(), own_process_name().c_str(), own.size() - 1);
    std::vector<std::array<char, 256>> all(told_.size());
    require(MPI_Allgather(own.data(), 256, MPI_CHAR, all.data(), 256, MPI_CHAR, endings_),
            "MPI_Allgather");
    for (const auto& name : all) names_.emplace_back(name.data());
    for (int r = 0; r < expected.size; ++r)
      if (r != rank_) receive(r);
  }

  const std::vector<std::string>& names() const override { return names_; }

  Ticket gather(Channel channel, const void* own, int64_t bytes, void* all) override {
    const auto count = static_cast<int>(bytes);
    return start([&](MPI_Request* request) {
      require(MPI_Iallgather(own, count, MPI_BYTE, all, count, MPI_BYTE,
                             channel == Channel::calls ? calls_ : endings_, request),
              "MPI_Iallgather");
    });
  }
  Ticket broadcast(void* data, int64_t bytes) override {
    return start([&](MPI_Request* request) {
      require(MPI_Ibcast(data, static_cast<int>(bytes), MPI_BYTE, 0, calls_, request),
              "MPI_Ibcast");
    });
  }
  Ticket sum(void* data, int64_t count, DType dtype) override {
    return start([&](MPI_Request* request) {
      require(
          MPI_Iallreduce(MPI_IN_PLACE, data, static_cast<int>(count),
                         dtype == DType::f32 ? MPI_FLOAT : MPI_DOUBLE, MPI_SUM, calls_, request),
          "MPI_Iallreduce");
    });
  }
  bool done(Ticket ticket) override {
    const auto found = requests_.find(ticket);
    if (found == requests_.end()) return true;
    if (!completed(found->second)) return false;
    requests_.erase(found);
    return true;
  }

  void send_beat(int to, const Beat& beat) override {
    const auto i = static_cast<size_t>(to);
    if (!completed(sending_[i])) return;
    told_[i] = beat;
    require(MPI_Isend(&told_[i], sizeof(Beat), MPI_BYTE, to, 0, endings_, &sending_[i]),
            "MPI_Isend");
  }
  bool take_beat(int from, Beat& beat) override {
    const auto i = static_cast<size_t>(from);
    if (!completed(receiving_[i])) return false;
    beat = from_[i];
    receive(from);
    return true;
  }
  std::vector<int> progress() override {
    return {};
  }  // MPI_Test moves messages; mpirun ends what is left

  void leave() override {
    for (MPI_Request& request : receiving_)
      if (request != MPI_REQUEST_NULL) MPI_Cancel(&request), MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Finalize();
  }
  [[noreturn]] void abort(int code) override {
    MPI_Abort(MPI_COMM_WORLD, code);
    std::_Exit(code);
  }

 private:
  template <class Start>
  Ticket start(Start&& call) {
    call(&requests_[next_]);
    return next_++;
  }
  static bool completed(MPI_Request& request) {
    int flag = 0;
    require(MPI_Test(&request, &flag, MPI_STATUS_IGNORE), "MPI_Test");
    return flag != 0;
  }
  void receive(int r) {
    const auto i = static_cast<size_t>(r);
    require(MPI_Irecv(&from_[i], sizeof(Beat), MPI_BYTE, r, 0, endings_, &receiving_[i]),
            "MPI_Irecv");
  }

  int rank_;
  std::vector<std::string> names_;
  MPI_Comm calls_ = MPI_COMM_NULL, endings_ = MPI_COMM_NULL;  // beats go with the endings
  std::map<Ticket, MPI_Request> requests_;
  Ticket next_ = 0;
  std::vector<Beat> told_, from_;  // to and from each rank
  std::vector<MPI_Request> receiving_, sending_;
};

}  // namespace

bool mpi_is_built() { return true; }

std::unique_ptr<RankTransport> make_mpi_transport(const RankEnvironment& expected) {
  return std::make_unique<MpiTransport>(expected);
}

std::string mpi_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(text, &length);
  return std::string(text, std::find(text, text + length, ','));
}

}  // namespace lw
