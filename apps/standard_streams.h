// stdin, stdout and stderr: what the program does when they are closed, full or no longer read.
#pragma once

namespace lw {

/// Opens those of descriptors 0, 1 and 2 that are closed on /dev/null. Otherwise the next file to be
/// opened would take the place, and what is printed would be written into it. A closed stdout
/// remains one that cannot be written, so that lost results are noticed.
void open_standard_streams();

/// Lets the program end, as other tools do, when what reads its output has gone: `... | head -1`.
void end_with_reader();

/// Writes out what is buffered for stdout. Throws Error (disk) if results were lost.
void flush_results();

}  // namespace lw
