#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lw {

void ScheduleOptions::describe(Fields& f) {
  f.optional("kind", kind, "how the learning rate changes after the warm-up",
             one_of({"constant", "linear", "cosine", "step", "wsd", "plateau"}));
  f.optional("warmup", warmup, "steps over which the learning rate grows from 0", non_negative());
  f.optional("warmup_fraction", warmup_fraction, "the same as a part of the run", between(0, 1));
  f.optional("final", final_factor, "factor at the end of linear, cosine and wsd; least of plateau",
             between(0, 1));
  f.optional("gamma", gamma, "factor of one drop of step and plateau", between(0, 1));
  f.optional("milestones", milestones, "steps at which step drops", non_negative());
  f.optional("every", every, "steps between the drops of step, without milestones", non_negative());
  f.optional("decay_fraction", decay_fraction, "last part of the run, in which wsd decays",
             between(0, 1));
  f.optional("patience", patience, "evaluations without improvement before plateau drops",
             non_negative());
  f.optional("threshold", threshold, "relative improvement that plateau counts", non_negative());
}

void ScheduleOptions::check_warmup() const {
  check(warmup == 0 || warmup_fraction == 0,
        "schedule: expected `warmup` or `warmup_fraction`, received both");
}

void ScheduleOptions::check_drops() const {
  check(kind != "step" || every > 0 || !milestones.empty(),
        "schedule: kind `step` needs `milestones` or `every`");
}

Schedule::Schedule(const ScheduleOptions& options, int64_t total_steps)
    : options_(options), total_(total_steps), warmup_(options.warmup) {
  check(total_ >= 0, "schedule: expected a run of at least 0 steps, received ", total_);
  options.check_warmup();
  options.check_drops();
  if (options.warmup_fraction > 0)
    warmup_ = std::llround(options.warmup_fraction * static_cast<double>(total_));
  if (warmup_ > total_) {
    warning_ = str("the warm-up of ", warmup_, " steps is longer than the run; it is clipped to ",
                   total_, " steps");
    warmup_ = total_;
  }
}

double Schedule::factor(int64_t step) const {
  if (step < warmup_)
    return plateau_.factor * static_cast<double>(step + 1) / static_cast<double>(warmup_);
  return after_warmup(step);
}

double Schedule::after_warmup(int64_t step) const {
  const ScheduleOptions& o = options_;
  const auto s = static_cast<double>(step), total = static_cast<double>(total_);
  /// 1 up to `begin`, then along a line to `final` at the end of the run.
  const auto line_from = [&](double begin) {
    if (s < begin) return 1.0;
    const double p = total > begin ? std::min((s - begin) / (total - begin), 1.0) : 1;
    return 1 - (1 - o.final_factor) * p;
  };
  const auto warmup = static_cast<double>(warmup_);
  if (o.kind == "linear") return line_from(warmup);
  if (o.kind == "wsd") return line_from(std::max(warmup, total * (1 - o.decay_fraction)));
  if (o.kind == "plateau") return plateau_.factor;
  if (o.kind == "cosine") {
    const double p = total > warmup ? std::clamp((s - warmup) / (total - warmup), 0.0, 1.0) : 1;
    return o.final_factor + (1 - o.final_factor) * (1 + std::cos(std::numbers::pi * p)) / 2;
  }
  if (o.kind == "step") {
    const auto passed = [&](int64_t milestone) { return milestone <= step; };
    const int64_t drops = o.milestones.empty()
                              ? step / o.every
                              : std::count_if(o.milestones.begin(), o.milestones.end(), passed);
    return std::pow(o.gamma, static_cast<double>(drops));
  }
  return 1;
}

void Schedule::observe(double metric) {
  if (options_.kind != "plateau") return;
  const double margin = options_.threshold * std::abs(plateau_.best);
  if (std::isinf(plateau_.best) || metric < plateau_.best - margin) {
    plateau_.best = metric;
    plateau_.waited = 0;
  } else if (++plateau_.waited > options_.patience) {
    plateau_.factor = std::max(options_.final_factor, plateau_.factor * options_.gamma);
    plateau_.waited = 0;
  }
}

}  // namespace lw
