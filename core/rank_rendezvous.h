// How ranks without MPI find each other: all come to rank 0, which tells each where the others listen, and in the end
// every two are connected. Internal to the transport over TCP.
//
// Rank 0 listens at the meeting place (core/meeting_place.h) until all are there; the other connections use ports that
// the system chooses. Who answers there, but of another job, is passed by.
//
// Cost: two messages a rank through rank 0, and one a pair.
// Errors: (peer) a rank that does not come within the timeout is told by rank 0, one that cannot reach rank 0 or another
// says so itself, with the address; (usage) a port that is taken.
#pragma once

#include <string>
#include <vector>

#include "core/meeting_place.h"
#include "core/sockets.h"

namespace lw {

struct ConnectedRanks {
  std::vector<Socket> sockets;     ///< to each rank; none to this one
  std::vector<std::string> names;  ///< of their processes
};
ConnectedRanks connect_ranks(const RankEnvironment& ranks, const MeetingPlace& place,
                             const std::string& own_name, std::chrono::duration<double> timeout);

}  // namespace lw
