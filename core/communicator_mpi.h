// Ranks that speak through MPI. Internal; communicator_mpi.cpp alone knows MPI, and a build without it has
// communicator_without_mpi.cpp instead.
#pragma once

#include "core/communicator.h"

namespace lw {

/// Initialises MPI. Throws Error where the build has none, or where it sees other ranks than `expected`.
std::unique_ptr<Communicator> make_mpi_communicator(const RankEnvironment& expected);

}  // namespace lw
