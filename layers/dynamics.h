// What a layer remembers and for how long, as `longwave inspect` draws it. A layer of one of these two
// kinds derives from it beside SequenceLayer; nothing that trains asks for it.
#pragma once

#include <vector>

#include "autograd/variable.h"
#include "core/dtype.h"

namespace lw {

/// A linear time-invariant layer, before its channels are mixed.
struct Dynamics {
  /// What a mode is multiplied by in one step, of every channel one after the other; of a conjugate
  /// pair one, S4, S4D, DSS and LSSL that with positive imaginary part. A mode with |pole| < 1 fades to
  /// 1/e in -1 / log |pole| steps; those of DSS with softmax may grow.
  std::vector<complex128> poles;
  /// The time between two steps, of each channel (S5: of each mode). Empty where there is no
  /// continuous time.
  std::vector<double> step_sizes;
  Tensor kernel;  ///< TimeInvariant::kernel of the length asked for
};

class TimeInvariant {
 public:
  virtual ~TimeInvariant() = default;
  virtual Dynamics dynamics(int64_t length) const = 0;
  /// f32 [length, channel], on the host: what channel c puts out at each step after an input of 1 to
  /// it at the first. Without the path that skips the state.
  virtual Tensor kernel(int64_t length) const = 0;
};

/// The eigenvalues of a real A, row-major [N, N]; of a conjugate pair that with positive imaginary part. Those of a
/// lower triangular A, as HiPPO-LegS, are its diagonal to the last bit. Others are off by about 1e-16 |A| times the
/// condition of each, which for LegS in other coordinates is 1e10 at N = 16 and 1e22 at N = 32. Cost: O(N^3).
std::vector<complex128> eigenvalues(const double* A, int64_t N);

/// Re sum_n w_cn pole_n^l, with w [channel, mode]: f32 [length, channel], on the host.
Tensor sum_of_modes(const std::vector<complex128>& weights, const std::vector<complex128>& poles,
                    int64_t length);

/// What a selective layer made of an input: h_t = exp(delta_t A) h_{t-1} + ...
struct Selection {
  Tensor delta;  ///< f32 [batch, time, channel], on the host: the step sizes that it chose
  Tensor A;      ///< f32 [channel, state], on the host, negative
};

class Selective {
 public:
  virtual ~Selective() = default;
  /// For an input [batch, time, d_model] of the layer.
  virtual Selection selection(const Variable& x) const = 0;
};

}  // namespace lw
