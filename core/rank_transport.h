// RankTransport: what moves bytes between the ranks. Internal to the Communicator of several ranks, which adds beats,
// patience and ends (communicator_several.cpp); a transport knows none of those.
//
// Two there are: MPI (rank_transport_mpi.cpp, the one file that knows it; a build without has
// rank_transport_without_mpi.cpp) and TCP (rank_transport_tcp.cpp), for ranks that meet at MASTER_ADDR:MASTER_PORT.
//
// No call waits, and one thread calls at a time. The calls of a channel are made in the same order on every rank; their
// memory stays as it is until done() says so. Sums are added in the order of the ranks or in another that timing does
// not change, and have the same bits on all ranks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/communicator.h"

namespace lw {

/// What a rank tells the others, again and again.
struct Beat {
  int64_t calls = 0;         ///< collective calls that it has come to
  int32_t code = 0;          ///< of the error it failed with; 0: it has not
  char text[256 - 12] = {};  ///< of that error, cut
};
static_assert(sizeof(Beat) == 256);

class RankTransport {
 public:
  using Ticket = int64_t;                 ///< of a call that was started
  enum class Channel { calls, endings };  ///< the order holds within each

  virtual ~RankTransport() = default;
  /// Of each rank's process: "process 4711 on node3".
  virtual const std::vector<std::string>& names() const = 0;

  /// The `bytes` at `own` of every rank, in the order of the ranks, at `all`.
  virtual Ticket gather(Channel channel, const void* own, int64_t bytes, void* all) = 0;
  /// Those of rank 0, everywhere.
  virtual Ticket broadcast(void* data, int64_t bytes) = 0;
  /// Sums of f32 or f64, in place.
  virtual Ticket sum(void* data, int64_t count, DType dtype) = 0;
  virtual bool done(Ticket ticket) = 0;

  /// Left out while the last one to that rank is still on its way.
  virtual void send_beat(int to, const Beat& beat) = 0;
  /// The next beat of that rank; false where none has come.
  virtual bool take_beat(int from, Beat& beat) = 0;
  /// Moves what can be moved now. Returns the ranks whose connections are closed though they have not left.
  virtual std::vector<int> progress() = 0;

  /// Leaves; every rank does so after the same call.
  virtual void leave() = 0;
  /// Ends all ranks that can be reached, and this process.
  [[noreturn]] virtual void abort(int code) = 0;
};

/// "process 4711 on node3".
std::string own_process_name();

/// Initialises MPI. Throws Error where the build has none, or where it sees other ranks than `expected`.
std::unique_ptr<RankTransport> make_mpi_transport(const RankEnvironment& expected);
bool mpi_is_built();

/// Meets the others at MASTER_ADDR:MASTER_PORT (core/rank_rendezvous.h).
std::unique_ptr<RankTransport> make_tcp_transport(const RankEnvironment& expected);

/// The ranks that a transport has brought together.
std::unique_ptr<Communicator> make_communicator(const RankEnvironment& environment,
                                                std::unique_ptr<RankTransport> transport);

}  // namespace lw
