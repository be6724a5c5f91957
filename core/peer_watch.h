// PeerWatch: which rank is lost, from when each was last heard. Internal to the Communicator; knows no transport.
//
// Every rank tells the others in each interval how many calls it has made. A rank that is not heard for the timeout is
// lost; so is one that is heard but stays behind the call that this rank waits in for ten times as long, and at once one
// whose connection is closed.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace lw {

class PeerWatch {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  using Seconds = std::chrono::duration<double>;

  /// `names`: of each rank's process, for messages.
  PeerWatch(int own_rank, std::vector<std::string> names, Seconds timeout, Time now);

  void heard(int rank, int64_t calls, Time now);
  /// The system has closed that rank's connection: its process has ended, or a machine between.
  void closed(int rank) { peers_[static_cast<size_t>(rank)].gone = true; }
  /// This rank made its call number `calls` and waits in it.
  void waits(int64_t calls, Time now) { calls_ = calls, waiting_since_ = now, waiting_ = true; }
  void goes_on() { waiting_ = false; }

  /// To be called often. What to say of a lost rank; empty while there is none. After a pause of this process, in
  /// which it heard nobody, every rank has the whole time again.
  std::string look(Time now);
  /// How many ranks below this one are not gone and were heard within the timeout.
  int lower_alive(Time now) const;

 private:
  struct Peer {
    std::string name;
    Time heard;
    int64_t calls = 0;
    bool gone = false;
  };

  int own_rank_;
  std::vector<Peer> peers_;
  Seconds timeout_;
  int64_t calls_ = 0;
  bool waiting_ = false;
  Time waiting_since_, looked_;
};

/// LW_PEER_TIMEOUT_S in seconds, or 60. Throws Error unless it is a number from 1 on.
PeerWatch::Seconds peer_timeout();

}  // namespace lw
