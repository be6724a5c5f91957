#include "core/peer_watch.h"

#include <cstdlib>

#include "core/error.h"

namespace lw {
namespace {

constexpr int patience = 10;  // timeouts that a rank which lives may stay behind

constexpr const char* remedy =
    "\n  longwave train --resume auto RUN goes on from the last checkpoint; LW_PEER_TIMEOUT_S=N "
    "sets how long "
    "ranks wait";

}  // namespace

PeerWatch::PeerWatch(int own_rank, std::vector<std::string> names, Seconds timeout, Time now)
    : own_rank_(own_rank), timeout_(timeout), waiting_since_(now), looked_(now) {
  for (std::string& name : names) peers_.push_back({std::move(name), now});
}

void PeerWatch::heard(int rank, int64_t calls, Time now) {
  Peer& peer = peers_[static_cast<size_t>(rank)];
  peer.heard = now, peer.calls = calls;
}

std::string PeerWatch::look(Time now) {
  if (now - looked_ > timeout_ / 2) {  // stopped and continued, or asleep with the machine
    for (Peer& peer : peers_) peer.heard = now;
    waiting_since_ = now;
  }
  looked_ = now;
  for (size_t r = 0; r < peers_.size(); ++r) {
    const Peer& peer = peers_[r];
    if (static_cast<int>(r) == own_rank_) continue;
    if (peer.gone)
      return str("rank ", r, " (", peer.name, ") is gone: its connection is closed", remedy);
    if (now - peer.heard > timeout_)
      return str("rank ", r, " (", peer.name, ") has not answered for ", timeout_.count(),
                 " s: it is stopped, gone or cut off", remedy);
    if (waiting_ && peer.calls < calls_ && now - waiting_since_ > patience * timeout_)
      return str("rank ", r, " (", peer.name, ") is alive, but for ", patience * timeout_.count(),
                 " s it has not come to what rank ", own_rank_, " waits for: it is stuck", remedy);
  }
  return "";
}

int PeerWatch::lower_alive(Time now) const {
  int count = 0;
  for (int r = 0; r < own_rank_; ++r) {
    const Peer& peer = peers_[static_cast<size_t>(r)];
    count += !peer.gone && now - peer.heard <= timeout_ ? 1 : 0;
  }
  return count;
}

PeerWatch::Seconds peer_timeout() {
  const char* text = std::getenv("LW_PEER_TIMEOUT_S");
  if (text == nullptr) return PeerWatch::Seconds(60);
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  check(end != text && *end == '\0' && seconds >= 1 && seconds <= 1e6,
        "LW_PEER_TIMEOUT_S: expected a number of seconds from 1 on, received `", text, "`");
  return PeerWatch::Seconds(seconds);
}

}  // namespace lw
