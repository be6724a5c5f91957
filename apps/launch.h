// longwave train --nproc N: the program starts the ranks of this machine, through mpirun where it can, else itself.
#pragma once

namespace lw {

/// Starts `ranks` processes of this program with the same arguments, and returns the exit code of the job. The cores
/// are divided among them: each has its share of the threads, of those of --threads where that is given; else
/// OMP_NUM_THREADS, where it is set, says how many each has. SIGINT and SIGTERM reach the ranks as SIGUSR1, since mpirun
/// would end them a second after those. Without MPI in the build, or without an mpirun on the PATH, the ranks meet at a
/// free port of this machine.
int launch_ranks(int ranks, char** argv);

}  // namespace lw
