// Ranks that meet over TCP, here threads: all come, one is missing, a stranger answers, two claim one place.
#include "core/rank_rendezvous.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>

#include "tests/compare.h"

namespace lw {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Clock = Deadline::clock;

RankEnvironment rank_of(int rank, int size) { return {rank, size, rank, "torchrun"}; }

int free_port() {
  std::string why;
  return port_of(listen_at(0, why));
}

/// What `size` ranks say that met.
std::vector<std::string> all_fine(size_t size) {
  return std::vector<std::string>(size, "no error");
}

/// What went wrong on each of the ranks; no error: they are connected, and each reads what the others sent.
std::vector<std::string> meet(const std::vector<std::function<ConnectedRanks()>>& ranks) {
  std::vector<std::string> errors(ranks.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < ranks.size(); ++i)
    threads.emplace_back([&, i] {
      errors[i] = error_of([&] {
        const ConnectedRanks all = ranks[i]();
        for (const Socket& socket : all.sockets)
          if (socket) send_whole(socket, &i, sizeof i, Clock::now() + 5s);
        for (size_t r = 0; r < all.sockets.size(); ++r) {
          size_t other = r;
          if (r != i)
            check(receive_whole(all.sockets[r], &other, sizeof other, Clock::now() + 5s), "cut");
          check(other == r, "rank ", i, " is connected to ", other, " in place of ", r);
          check(all.names[r] == str("process ", r), "rank ", r, " has the name ", all.names[r]);
        }
      });
    });
  for (std::thread& thread : threads) thread.join();
  return errors;
}

auto rank_at(const MeetingPlace& place, int rank, int size, double seconds = 10) {
  return [=] {
    return connect_ranks(rank_of(rank, size), place, str("process ", rank),
                         std::chrono::duration<double>(seconds));
  };
}

TEST(RankRendezvous, AllAreConnected) {
  for (const int size : {2, 3, 5}) {
    const MeetingPlace place{"localhost", {free_port()}, "job"};
    std::vector<std::function<ConnectedRanks()>> ranks;
    for (int r = 0; r < size; ++r) ranks.push_back(rank_at(place, r, size));
    EXPECT_EQ(meet(ranks), all_fine(ranks.size()));
  }
}

TEST(RankRendezvous, StrangersAndOtherJobsArePassedBy) {
  std::string why;
  const Socket stranger = listen_at(0, why);  // takes connections and says nothing
  const int port = free_port();
  const MeetingPlace one{"localhost", {port_of(stranger), port, port + 1}, "one"};
  MeetingPlace two = one;
  two.job = "two";
  std::vector<std::string> first, second;
  std::thread other([&] { second = meet({rank_at(two, 0, 2), rank_at(two, 1, 2)}); });
  std::thread scanner([&] {
    std::string unused;
    std::vector<Socket> silent;
    for (int i = 0; i < 20; ++i)
      silent.push_back(connect_to("localhost", port, Clock::now() + 1s, unused));
  });
  first = meet({rank_at(one, 0, 2), rank_at(one, 1, 2)});
  other.join(), scanner.join();
  EXPECT_EQ(first, all_fine(2));
  EXPECT_EQ(second, all_fine(2));
}

TEST(RankRendezvous, AMissingRankIsTold) {
  const MeetingPlace place{"localhost", {free_port()}, "job"};
  const std::vector<std::string> errors = meet({rank_at(place, 0, 3, 2), rank_at(place, 1, 3, 2)});
  EXPECT_THAT(errors[0], StartsWith(str("rank 2 of 3 has not come to rank 0 at localhost:",
                                        place.ports[0], " within 2 s\n")));
  EXPECT_EQ(errors[1], errors[0].substr(0, errors[0].find('\n')));
}

TEST(RankRendezvous, AWrongPortIsToldByTheRankThatHasIt) {
  const MeetingPlace place{"localhost", {free_port()}, "job"};
  MeetingPlace wrong = place;
  wrong.ports = {free_port()};
  const std::vector<std::string> errors = meet({rank_at(place, 0, 2, 1), rank_at(wrong, 1, 2, 1)});
  EXPECT_THAT(errors[0], HasSubstr("rank 1 of 2 has not come"));
  EXPECT_THAT(errors[1], AllOf(StartsWith(str("rank 1 cannot reach rank 0 at localhost:",
                                              wrong.ports[0], " within 1 s: Connection refused\n")),
                               HasSubstr("MASTER_PORT")));
  wrong.address = "no-such-machine.invalid";
  EXPECT_THAT(meet({rank_at(wrong, 1, 2, 1)})[0],
              StartsWith("rank 1 cannot reach rank 0 at no-such-machine"));
}

TEST(RankRendezvous, WhoCannotBelongHereIsRefused) {
  const MeetingPlace place{"localhost", {free_port()}, "job"};
  EXPECT_EQ(meet({rank_at(place, 0, 2, 1), rank_at(place, 2, 3, 1)})[1],
            "rank 2 was started as one of 3, rank 0 as one of 2");
  std::vector<std::string> errors =
      meet({rank_at(place, 0, 3, 2), [&] { return connect_ranks(rank_of(1, 3), place, "a", 2s); },
            [&] {
              std::this_thread::sleep_for(500ms);
              return connect_ranks(rank_of(1, 3), place, "b", 2s);
            }});
  EXPECT_EQ(errors[2], "there are two ranks 1: a and b");
}

TEST(RankRendezvous, ATakenPortIsRefused) {
  std::string why;
  const Socket taken = listen_at(0, why);
  const MeetingPlace place{"localhost", {port_of(taken)}, "job"};
  EXPECT_EQ(
      meet({rank_at(place, 0, 2, 1)})[0],
      str("rank 0 cannot listen at port ", port_of(taken),
          ", where the ranks are to meet: Address already in use\n  set another MASTER_PORT"));
}

/// The meeting place in an environment.
MeetingPlace place_in(const std::vector<std::pair<const char*, const char*>>& variables) {
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  const auto clear = [&] {
    for (const auto& [name, value] : variables) ::unsetenv(name);
  };
  try {
    MeetingPlace place = meeting_place(rank_of(0, 2));
    clear();
    return place;
  } catch (...) {
    clear();
    throw;
  }
}

TEST(MeetingPlace, IsReadFromTheEnvironment) {
  const MeetingPlace plain = place_in({{"MASTER_ADDR", "node1"}, {"MASTER_PORT", "29500"}});
  EXPECT_EQ(plain.address, "node1");
  EXPECT_EQ(plain.ports, std::vector<int>{29500});
  const MeetingPlace beside = place_in({{"MASTER_ADDR", "node1"},
                                        {"MASTER_PORT", "29500"},
                                        {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                        {"TORCHELASTIC_RUN_ID", "7"}});
  EXPECT_EQ(beside.ports.front(), 30500);
  EXPECT_EQ(beside.ports.back(), 30507);
  EXPECT_NE(beside.job, plain.job);
  EXPECT_EQ(place_in({{"MASTER_ADDR", "node1"},
                      {"MASTER_PORT", "65000"},
                      {"TORCHELASTIC_USE_AGENT_STORE", "True"}})
                .ports.front(),
            64000);
  EXPECT_EQ(
      error_of([] {
        place_in({{"MASTER_ADDR", "node1"}});
      }),
      "torchrun started 2 ranks, and MASTER_PORT is not set\n  set MASTER_ADDR to the machine "
      "of rank 0 and MASTER_PORT to a free port of it");
  for (const char* bad : {"0", "65536", "-1", "http"})
    EXPECT_EQ(error_of([&] {
                place_in({{"MASTER_ADDR", "node1"}, {"MASTER_PORT", bad}});
              }),
              str("MASTER_PORT: expected a port from 1 to 65535, received `", bad, "`"));
}

}  // namespace
}  // namespace lw
