// MeetingPlace: where ranks without MPI meet, as the environment says. Internal to the transport over TCP.
//
// Rank 0 listens at MASTER_ADDR:MASTER_PORT. torchrun has a store of its own there (TORCHELASTIC_USE_AGENT_STORE is
// True); then it is MASTER_PORT + 1000, or the first port of the seven behind that is free (minus 1000, where the sum
// is no port). A job is known by torchrun's run id and restart and by MASTER_PORT.
//
// Errors: no MASTER_ADDR, or a port that is none.
#pragma once

#include <string>
#include <vector>

#include "core/communicator.h"

namespace lw {

struct MeetingPlace {
  std::string address;
  std::vector<int> ports;  ///< rank 0 listens at the first that is free
  std::string job;         ///< what tells this job from others on the machine
};
MeetingPlace meeting_place(const RankEnvironment& ranks);

}  // namespace lw
