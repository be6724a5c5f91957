// Profile: where the time of a training step goes, op by op.
//
//   Profile profile;
//   {
//     const Profile::Scope on(profile);
//     f(x).backward();
//     Profile::mark("update", Profile::Pass::update);
//   }
//   std::puts(to_text(profile).c_str());
//
// Time is charged at marks: what has passed since the mark before belongs to the op that makes the
// next. An op marks when it has computed its value and when it has computed its gradients, so the
// shares add up to the whole, the code between the ops included. A part that runs again in the
// backward pass (checkpoint) is charged to its own ops twice.
// Units: milliseconds of the calling thread, which waits for all others.
// Cost: none worth the name without a Scope; with one, two readings of the clock an op.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace lw {

class Profile {
 public:
  enum class Pass { forward, backward, update };

  struct Row {
    std::string name;
    std::array<double, 3> ms{};      ///< by pass
    std::array<int64_t, 3> calls{};  ///< by pass

    double total_ms() const { return ms[0] + ms[1] + ms[2]; }
  };

  /// While one of these lives, this thread's marks go to `profile`. The clock starts anew.
  class Scope {
   public:
    explicit Scope(Profile& profile);
    ~Scope();
    Scope(const Scope&) = delete;

   private:
    Profile* before_;
  };

  /// Charges the time since the last mark to `name`; does nothing without a Scope.
  static void mark(const char* name, Pass pass);

  /// Whether this thread's marks go anywhere.
  static bool marking();

  /// The time since the last mark is charged to nothing.
  static void restart();

  /// Longest first.
  std::vector<Row> rows() const;
  double total_ms() const;

 private:
  std::vector<Row> rows_;  // in the order of their first mark
  std::chrono::steady_clock::time_point last_;
};

/// A table: each op's calls, milliseconds forward and backward, and share; of one step, if the
/// profile is of `steps`.
std::string to_text(const Profile& profile, int64_t steps = 1);

}  // namespace lw
