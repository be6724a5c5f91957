// Schedule: how the learning rate changes over a run, as a factor of its base value.
//
// Step s = 0, 1, ..., total - 1 of the run; W warm-up steps, then p = (s - W) / (total - W):
//
//   s < W      (s + 1) / W
//   constant   1
//   linear     1 - (1 - final) p
//   cosine     final + (1 - final) (1 + cos(pi p)) / 2
//   step       gamma^(number of milestones passed), or gamma^floor(s / every) without milestones
//   wsd        1, and over the last decay_fraction of the run linearly down to `final`
//   plateau    gamma^(number of times the metric stood still), not below `final`
//
// A pure function of s but for plateau, whose state belongs in a checkpoint. A warm-up longer than
// the run is clipped to it, with a warning.
// Cosine: Loshchilov & Hutter 2016, arXiv:1608.03983. WSD (warm-up, stable, decay): Hu et al. 2024,
// arXiv:2404.06395.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/options.h"

namespace lw {

struct ScheduleOptions {
  std::string kind = "cosine";
  int64_t warmup = 0;               ///< steps
  double warmup_fraction = 0;       ///< of the run, instead of a number of steps
  double final_factor = 0;          ///< of linear, cosine, wsd, plateau; `final` in YAML
  double gamma = 0.1;               ///< of step and plateau
  std::vector<int64_t> milestones;  ///< of step
  int64_t every = 0;                ///< of step, without milestones
  double decay_fraction = 0.2;      ///< of wsd
  int64_t patience = 10;            ///< of plateau: evaluations without improvement that are borne
  double threshold = 1e-4;          ///< of plateau: relative improvement that counts

  void describe(Fields& f);
  // Throw Error for options that contradict each other.
  void check_warmup() const;
  void check_drops() const;
};

class Schedule {
 public:
  /// Throws Error for options that contradict each other.
  Schedule(const ScheduleOptions& options, int64_t total_steps);

  /// What the base learning rate is multiplied by at step `step`, counted from 0.
  double factor(int64_t step) const;
  /// The warm-up, after clipping.
  int64_t warmup() const { return warmup_; }
  /// What the user should know, or an empty string.
  const std::string& warning() const { return warning_; }

  /// Tells plateau the metric of an evaluation; lower is better. Other kinds ignore it.
  void observe(double metric);
  struct Plateau {
    double factor = 1;
    double best = std::numeric_limits<double>::infinity();
    int64_t waited = 0;  ///< evaluations since the best
  };
  const Plateau& plateau() const { return plateau_; }
  void restore(const Plateau& plateau) { plateau_ = plateau; }

 private:
  double after_warmup(int64_t step) const;

  ScheduleOptions options_;
  int64_t total_, warmup_;
  std::string warning_;
  Plateau plateau_;
};

}  // namespace lw
