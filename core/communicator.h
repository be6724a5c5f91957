// Communicator: several processes, the ranks, that train one model together.
//
//   join_ranks();                        in main, once: this process is alone, or one of several
//   Communicator& all = ranks();
//   all.start_sum(gradients);            goes on while this rank computes
//   all.wait_sums();
//   if (all.any(stop_requested())) ...   the same answer on every rank
//   return all.end(code, error, tell);   the last call: one error is told, one code is returned
//
// With one process every call is there and does nothing, so that callers need not ask how many there are. Which
// ranks there are is read from the environment of mpirun (OMPI_COMM_WORLD_*, PMI_*), of a step of srun (SLURM_*) or of
// torchrun (RANK, WORLD_SIZE; LOCAL_RANK if there is one). Those of torchrun meet at MASTER_ADDR:MASTER_PORT and speak
// over TCP (core/meeting_place.h), as do those of srun where MASTER_ADDR is set, and all in a build without MPI; the
// others through MPI. MPI is initialised only where it is used.
//
// Every rank makes the same calls in the same order. A call returns when all ranks have made it.
//
// Cost: gather and what is made of it, 20 to 100 us; a sum of N bytes over n ranks moves about 2 N bytes a rank.
// Determinism: the results are bit for bit the same on all ranks, and from run to run for one number of ranks; another
// number adds in another order.
// Errors: a rank that fails tells the others, which throw PeerError in the call that they wait in, or in their next.
// Beside the calls, each rank tells the others every second that it lives: one that is not heard for LW_PEER_TIMEOUT_S
// seconds (default 60), stopped or cut off, is named in an Error (peer), over TCP one that has died at once; so is one
// that lives but does not come to what the others wait for, for ten times as long: a long save is no failure.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"

namespace lw {

/// What the environment says of the ranks.
struct RankEnvironment {
  int rank = 0, size = 1;
  int local_rank = 0;  ///< among those of this machine: the number of its GPU
  std::string source;  ///< "mpirun", "srun" or "torchrun"; empty for one process
};
/// Throws Error for values that make no sense.
RankEnvironment rank_environment();

/// Another rank failed; it has told why itself.
class PeerError : public Error {
 public:
  using Error::Error;
};

class Communicator {
 public:
  Communicator(int rank, int size) : rank_(rank), size_(size) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Whether this is rank 0, which alone writes files and informs.
  bool first() const { return rank_ == 0; }

  /// The values of every rank, in the order of the ranks; each gives as many.
  virtual std::vector<double> gather(std::span<const double> values) = 0;
  /// The bytes of rank 0, on every rank.
  virtual std::string broadcast(const std::string& bytes) = 0;
  /// Starts to add up a contiguous tensor of f32 or f64 over the ranks, in place: by NCCL where it is on a GPU of this
  /// rank's own and the build has NCCL, else through the host. It must not be touched before wait_sums().
  virtual void start_sum(const Tensor& tensor) = 0;
  /// Waits for every sum that was started.
  virtual void wait_sums() = 0;

  /// How the program ends. `error` is what went wrong on this rank, if something did; a PeerError did not. The lowest
  /// rank with an error calls tell(). Returns the exit code of the job, or does not return where a rank is lost.
  virtual int end(int code, const std::string& error, const std::function<void()>& tell) = 0;

  /// The sums over the ranks, added in their order.
  std::vector<double> sum(std::span<const double> values);
  bool any(bool here);
  void barrier();
  /// Throws Error, naming the ranks, where `text` is not that of rank 0; `what` it is begins the message.
  void check_same(const std::string& what, const std::string& text);
  /// Calls action() on rank 0 alone, while the others wait. An Error of it is thrown on every rank.
  void on_first(const std::function<void()>& action);

 private:
  int rank_, size_;
};

/// The samples [begin, end) of `size` that a rank takes: consecutive, and as many as the others or one more or less.
struct Share {
  int64_t begin, end;
};
inline Share share_of(int64_t size, int rank, int world_size) {
  return {size * rank / world_size, size * (rank + 1) / world_size};
}

/// The ranks of this program: this process alone, before join_ranks().
Communicator& ranks();
/// Joins the other ranks where the environment names some. Throws Error where this build or machine cannot.
void join_ranks();

/// "Open MPI v4.1.4", or why there is none.
std::string mpi_version();

}  // namespace lw
