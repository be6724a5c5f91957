#include "autograd/profile.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "autograd/checkpoint.h"
#include "autograd/variable.h"

namespace lw {
namespace {

using Pass = Profile::Pass;
using testing::HasSubstr;

void wait(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

/// An op that takes its time.
Variable slow(const char* name, const Variable& x, int forward, int backward) {
  wait(forward);
  return Variable::from_op(name, x.value().clone(), {x}, [backward](const Tensor& dy) {
    wait(backward);
    return Tensors{dy};
  });
}

Variable leaf() { return Variable(Tensor::full({1}, 1), /*requires_grad=*/true); }

Profile::Row row_of(const Profile& profile, const std::string& name) {
  for (const Profile::Row& row : profile.rows())
    if (row.name == name) return row;
  return {};
}

double ms(const Profile& profile, const char* name, Pass pass) {
  return row_of(profile, name).ms[static_cast<size_t>(pass)];
}
int64_t calls(const Profile& profile, const char* name, Pass pass) {
  return row_of(profile, name).calls[static_cast<size_t>(pass)];
}

TEST(Profile, ChargesEachOpInEachPass) {
  Profile profile;
  const Variable x = leaf();
  const auto start = std::chrono::steady_clock::now();
  {
    const Profile::Scope on(profile);
    slow("b", slow("a", slow("a", x, 3, 1), 3, 1), 1, 9).backward();
    wait(4);
    Profile::mark("update", Pass::update);
  }
  const double wall =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  EXPECT_GE(ms(profile, "a", Pass::forward), 6);
  EXPECT_GE(ms(profile, "a", Pass::backward), 2);
  EXPECT_GE(ms(profile, "b", Pass::forward), 1);
  EXPECT_GE(ms(profile, "b", Pass::backward), 9);
  EXPECT_GE(ms(profile, "update", Pass::update), 4);
  EXPECT_EQ(calls(profile, "a", Pass::forward), 2);
  EXPECT_EQ(calls(profile, "b", Pass::backward), 1);
  EXPECT_LE(profile.total_ms(), wall);
  EXPECT_GE(profile.total_ms(), 0.9 * wall);
}

TEST(Profile, IsOffOutsideAScope) {
  Profile profile;
  slow("a", leaf(), 0, 0).backward();
  Profile::mark("update", Pass::update);
  EXPECT_TRUE(profile.rows().empty());
}

TEST(Profile, WhatRunsAgainIsChargedToItsOps) {
  Profile profile;
  const Profile::Scope on(profile);
  checkpoint([](const Variable& x) { return slow("a", x, 5, 1); }, leaf()).backward();
  EXPECT_GE(ms(profile, "a", Pass::forward), 10);
  EXPECT_EQ(calls(profile, "a", Pass::forward), 2);
  EXPECT_EQ(calls(profile, "a", Pass::backward), 1);
}

TEST(Profile, IsATableOfOneStep) {
  Profile profile;
  {
    const Profile::Scope on(profile);
    for (int step = 0; step < 2; ++step)
      slow("gelu", slow("linear", leaf(), 2, 8), 1, 1).backward();
  }
  const std::string text = to_text(profile, 2);
  EXPECT_THAT(
      text,
      HasSubstr("op                      calls   forward ms  backward ms    update ms    share\n"
                "linear                      1 "));
  EXPECT_LT(text.find("linear"), text.find("gelu"));
  EXPECT_THAT(text, HasSubstr("step                        1 "));
  EXPECT_THAT(text, HasSubstr(" 100.0 %\n"));
}

}  // namespace
}  // namespace lw
