// In place of rank_transport_mpi.cpp, in a build without MPI.
#include "core/rank_transport.h"

namespace lw {

bool mpi_is_built() { return false; }

std::unique_ptr<RankTransport> make_mpi_transport(const RankEnvironment& expected) {
  throw Error(str(expected.source, " started ", expected.size,
                  " ranks, and this build has no MPI\n  set MASTER_ADDR and MASTER_PORT, where the "
                  "ranks shall meet, or install libopenmpi-dev and build again with -DLW_MPI=ON"));
}

std::string mpi_version() { return "this build has no MPI"; }

}  // namespace lw
