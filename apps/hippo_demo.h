// What a HiPPO memory keeps of a signal, in a figure and in pictures: longwave inspect hippo.
//
// The signal lasts from 0 to 1 and is given in pieces of one value each. An error is relative: the
// root mean square, over the pieces that are remembered, of what the reconstruction misses in the
// middle of each, divided by that of the signal.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/plot.h"
#include "layers/hippo_memory.h"

namespace lw {

struct PieceSignal {
  std::string name;
  std::vector<double> values;         ///< of the pieces
  std::vector<double> ends;           ///< of the pieces; the first begins at 0, the last ends at 1
  std::function<double(double)> law;  ///< what the values were taken from; none for a file

  size_t size() const { return values.size(); }
  double middle(size_t k) const { return (ends[k] + (k == 0 ? 0 : ends[k - 1])) / 2; }
};

/// two_sines: sin 2 pi t + sin 6 pi t / 2. white: the same power at 1 to 12 turns, random phases.
/// steps: eight random levels.
const std::vector<std::string>& demo_signals();

/// One of them in `steps` equal pieces (2,000 for 0), or the first `steps` rows (all for 0) of a CSV
/// file: the values of its first column, at the ascending times of its column t or time if it has
/// one. Throws Error.
PieceSignal demo_signal(const std::string& name_or_file, int64_t steps);

HippoMemory remember(const HippoMemoryOptions& options, const PieceSignal& signal);
/// Whether the middle of a piece is remembered: else there is no error to speak of.
bool reaches(const HippoMemory& memory, const PieceSignal& signal);
double relative_error(const HippoMemory& memory, const PieceSignal& signal);

/// Signal and reconstruction, and below them the error.
std::vector<Chart> reconstruction_charts(const HippoMemoryOptions& options,
                                         const PieceSignal& signal, const HippoMemory& memory);
/// The first functions that the reconstruction is a sum of.
Chart basis_chart(const HippoMemoryOptions& options, const HippoMemory& memory);
/// How much each moment of the past counts; of a window also what coefficient 0 keeps of it.
Chart measure_chart(const HippoMemoryOptions& options);
/// The error of every rule against the number of pieces, where that is less than 10; a note names the
/// rules and pieces for which it is not. The signal must have a law.
Chart discretization_chart(const HippoMemoryOptions& options, const PieceSignal& signal);

}  // namespace lw
