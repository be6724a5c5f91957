// HippoMemory: what a HiPPO state remembers of a signal, online. The past is kept as N coefficients
// of orthogonal functions, brought up to date as the signal goes on, and can be drawn from them.
//
//   legs   the whole past [start, t] alike:  c'(t) = (A c + B u) / (t - start)
//          u(x) ~ sum_n c_n r_n P_n(2 (x - start) / (t - start) - 1)
//   legt   a window of length theta:         c'(t) = (A c + B u) / theta
//          u(t - s) ~ sum_n c_n r_n P_n(1 - 2s / theta);  lmu keeps c_n r_n (-1)^n
//   fout   a window of length theta:         c'(t) = 2 (A c + B u) / theta
//          u(t - s) ~ sum_n c_n (1, sqrt 2 cos, sqrt 2 sin)(2 pi k s / theta)
//   lagt   all of the past, of which N       c'(t) = (A c + B u) / theta
//          functions reach about 4 N theta:  u(t - s) ~ sum_n c_n e^{-s / 2 theta} L_n(s / theta)
//
// with r_n = sqrt(2n + 1) and the A, B of layers/hippo.h. Several channels are remembered at once.
//
// The signal is given in pieces: update(u, until) says that it has the value u from the time reached
// so far to `until`, so that irregular time stamps are the same as regular ones. Each piece is one
// step of the rule; those of legs evaluate A / (t - start) where the rule does, forward at the
// beginning of the piece, backward at its end, bilinear in its middle, which makes bilinear of second
// order in time too. (A / k throughout, as in the HiPPO paper, makes it of first: with 64
// coefficients of 2,000 pieces of two sines, an error of 1.5e-3 where this has 2e-5.) The first piece
// of legs is remembered exactly, c = (u, 0, ...), whatever the rule; zoh remembers all pieces exactly,
// as far as N functions can. Forward is unstable until t has grown to N/2 pieces and harmless only
// while rounding errors are, which it multiplies by up to 2^N.
//
// Units: coefficients and reconstruction in those of the signal, times and theta in the same.
// Cost: O(N) a piece and channel for forward, backward and bilinear, O(N^2) for zoh (legs by
// quadrature; the others by a matrix exponential, O(N^3) whenever the length of the pieces changes).
// A point of the reconstruction costs O(N) a channel. Deterministic; one thread.
// Errors: a measure from which nothing can be reconstructed, times out of order or out of memory.
// Reference: Gu, Dao, Ermon, Rudra & Ré 2020, arXiv:2008.07669; Voelker, Kajić & Eliasmith 2019.
#pragma once

#include <memory>
#include <span>

#include "layers/state_space.h"

namespace lw {

struct HippoMemoryOptions {
  std::string measure = "legs";  ///< one of hippo_memory_measures()
  int64_t N = 64;                ///< coefficients
  SamplingRule rule = {};        ///< bilinear
  double theta = 1;              ///< of windows and of lagt; legs has none
};

/// legs, legt, lmu, lagt, fout; theta makes legt_half the same as legt, fourier and fourier2 as fout.
const std::vector<std::string>& hippo_memory_measures();

class HippoMemory {
 public:
  explicit HippoMemory(const HippoMemoryOptions& options, int64_t channels = 1, double start = 0);
  ~HippoMemory();
  HippoMemory(HippoMemory&&) noexcept;
  HippoMemory& operator=(HippoMemory&&) noexcept;

  /// The signal is u, one value a channel, from time() to `until` > time().
  void update(std::span<const double> u, double until);

  double time() const;  ///< reached so far
  /// The beginning of what can be reconstructed: start, or time() - theta if that is later.
  double oldest() const;
  std::span<const double> coefficients() const;  ///< [N, channels]

  /// The remembered signal at times within [oldest(), time()]: [times, channels].
  std::vector<double> reconstruct(std::span<const double> times) const;
  /// The N functions whose sum it is, at a time within the same bounds.
  std::vector<double> basis(double time) const;
  /// How much a time counts: the measure in which the past is approximated best, of integral 1. All are even; that of
  /// lagt, for which no time is too long ago, is drawn as far as its functions reach (the zeros of L_N lie below 4 N).
  double weight(double time) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lw
