// A build without MPI trains in one process.
#include "core/communicator_mpi.h"

namespace lw {

std::unique_ptr<Communicator> make_mpi_communicator(const RankEnvironment& expected) {
  throw Error(str(expected.source, " started ", expected.size,
                  " ranks, and this build has no MPI\n  install libopenmpi-dev and build it again "
                  "with -DLW_MPI=ON"));
}

std::string mpi_version() { return "this build has no MPI"; }

}  // namespace lw
