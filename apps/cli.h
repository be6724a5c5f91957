// The program `longwave`, as a function: a user's main registers its own layers and calls it.
//
//   int main(int argc, char** argv) { return lw::run_cli(argc, argv); }
#pragma once

namespace lw {

/// Reads the command line, runs the command, and returns the exit code of the program: 0 done, 2
/// usage or config, 3 data or checkpoint invalid, 4 diverged, 5 out of memory, 6 lost peer, 7 disk,
/// 75 stopped by a signal and saved. An error is one or more lines `place: error: text` on stderr.
int run_cli(int argc, char** argv);

}  // namespace lw
