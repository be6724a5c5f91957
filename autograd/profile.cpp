#include "autograd/profile.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace lw {
namespace {

thread_local Profile* current_profile = nullptr;

}  // namespace

Profile::Scope::Scope(Profile& profile) : before_(std::exchange(current_profile, &profile)) {
  profile.last_ = std::chrono::steady_clock::now();
}

Profile::Scope::~Scope() { current_profile = before_; }

bool Profile::marking() { return current_profile != nullptr; }

void Profile::mark(const char* name, Pass pass) {
  Profile* const profile = current_profile;
  if (profile == nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  auto row = std::find_if(profile->rows_.begin(), profile->rows_.end(),
                          [&](const Row& r) { return r.name == name; });
  if (row == profile->rows_.end()) row = profile->rows_.insert(row, Row{.name = name});
  const auto i = static_cast<size_t>(pass);
  row->ms[i] += std::chrono::duration<double, std::milli>(now - profile->last_).count();
  ++row->calls[i];
  profile->last_ = std::chrono::steady_clock::now();
}

void Profile::restart() {
  if (current_profile != nullptr) current_profile->last_ = std::chrono::steady_clock::now();
}

std::vector<Profile::Row> Profile::rows() const {
  std::vector<Row> rows = rows_;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.total_ms() > b.total_ms(); });
  return rows;
}

double Profile::total_ms() const {
  double sum = 0;
  for (const Row& row : rows_) sum += row.total_ms();
  return sum;
}

std::string to_text(const Profile& profile, int64_t steps) {
  const double whole = profile.total_ms(), count = static_cast<double>(std::max<int64_t>(1, steps));
  char line[160];
  std::snprintf(line, sizeof line, "%-20s %8s %12s %12s %12s %8s\n", "op", "calls", "forward ms",
                "backward ms", "update ms", "share");
  std::string text = line;
  const auto add = [&](const Profile::Row& row) {
    const auto calls = static_cast<double>(*std::max_element(row.calls.begin(), row.calls.end()));
    std::snprintf(line, sizeof line, "%-20s %8.4g %12.2f %12.2f %12.2f %6.1f %%\n",
                  row.name.c_str(), calls / count, row.ms[0] / count, row.ms[1] / count,
                  row.ms[2] / count, whole > 0 ? 100 * row.total_ms() / whole : 0);
    text += line;
  };
  Profile::Row sum{.name = "step"};
  for (const Profile::Row& row : profile.rows()) {
    add(row);
    for (size_t i = 0; i < sum.ms.size(); ++i) sum.ms[i] += row.ms[i];
  }
  sum.calls[0] = steps;
  add(sum);
  return text;
}

}  // namespace lw
