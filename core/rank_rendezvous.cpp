#include "core/rank_rendezvous.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <thread>

namespace lw {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::clock;

constexpr char magic[8] = {'l', 'o', 'n', 'g', 'w', 'a', 'v', 'e'};

/// The first words of whoever connects.
struct Hello {
  char protocol[8] = {};
  char job[32] = {};
  int32_t rank = 0, size = 0;
  int32_t port = 0;  // where it listens for ranks above its own
  char name[236] = {};
};
enum class Verdict : int32_t { welcome, another_job, refused };
struct Answer {
  char protocol[8] = {};
  Verdict verdict = Verdict::welcome;
  char text[244] = {};
};
/// Where a rank is found.
struct Place {
  char address[64] = {};  // empty: on the machine of rank 0
  int32_t port = 0;
  char name[236] = {};
};

template <size_t N>
void put(char (&field)[N], const std::string& text) {
  std::strncpy(field, text.c_str(), N - 1);
}

bool is_ours(const char (&protocol)[8]) { return std::memcmp(protocol, magic, sizeof magic) == 0; }

bool answer(const Socket& to, Verdict verdict, const std::string& text = "") {
  Answer said;
  std::memcpy(said.protocol, magic, sizeof magic);
  said.verdict = verdict;
  put(said.text, text);
  return send_whole(to, &said, sizeof said, Clock::now() + 5s);
}

/// Takes connections, each once it has said its Hello, until take() says that there are enough. False at the deadline.
bool take_connections(const Socket& listener, Deadline deadline,
                      const std::function<bool(Socket, const Hello&)>& take) {
  std::vector<Socket> silent;  // connected, and have said nothing yet: perhaps no ranks
  while (left_ms(deadline) > 0) {
    std::vector<pollfd> polled{{listener.number(), POLLIN, 0}};
    for (const Socket& socket : silent) polled.push_back({socket.number(), POLLIN, 0});
    ::poll(polled.data(), polled.size(), left_ms(deadline));
    for (size_t i = silent.size(); i-- > 0;) {
      if (polled[i + 1].revents == 0) continue;
      Socket socket = std::move(silent[i]);
      silent.erase(silent.begin() + static_cast<std::ptrdiff_t>(i));
      Hello hello;
      if (!receive_whole(socket, &hello, sizeof hello, Clock::now() + 1s)) continue;
      if (is_ours(hello.protocol) && take(std::move(socket), hello)) return true;
    }
    if (polled[0].revents != 0)
      if (Socket socket(::accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC)); socket)
        silent.push_back(std::move(socket));
  }
  return false;
}

class Rendezvous {
 public:
  Rendezvous(const RankEnvironment& ranks, const MeetingPlace& place, const std::string& own_name,
             std::chrono::duration<double> timeout)
      : ranks_(ranks),
        place_(place),
        timeout_(timeout),
        deadline_(Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout)),
        places_(static_cast<size_t>(ranks.size)) {
    connected_.sockets.resize(places_.size());
    hello_.rank = ranks.rank, hello_.size = ranks.size;
    std::memcpy(hello_.protocol, magic, sizeof magic);
    put(hello_.job, place.job);
    put(hello_.name, own_name);
  }

  ConnectedRanks connect() {
    if (ranks_.rank == 0) {
      host();
    } else {
      std::string why;
      const Socket listener = listen_at(0, why);
      if (!listener)
        throw Error(str("rank ", ranks_.rank, " cannot listen: ", why), ErrorKind::peer);
      hello_.port = port_of(listener);
      come_to_rank_0();
      connect_others(listener);
    }
    for (const Place& place : places_) connected_.names.emplace_back(place.name);
    return std::move(connected_);
  }

 private:
  Socket& socket_of(int rank) { return connected_.sockets[static_cast<size_t>(rank)]; }
  Place& place_of(int rank) { return places_[static_cast<size_t>(rank)]; }
  std::string where(int port) const { return str(place_.address, ":", port); }

  // Rank 0.

  void host() {
    std::string why;
    Socket listener;
    for (size_t i = 0; i < place_.ports.size() && !listener; ++i)
      listener = listen_at(place_.ports[i], why);
    check(static_cast<bool>(listener), "rank 0 cannot listen at port ", place_.ports.front(),
          ", where the ranks are to meet: ", why, "\n  set another MASTER_PORT");
    put(place_of(0).name, hello_.name);
    int missing = ranks_.size - 1;
    const bool all = take_connections(listener, deadline_, [&](Socket socket, const Hello& hello) {
      if (receive(std::move(socket), hello)) --missing;
      return missing == 0;
    });
    if (!all) give_up(port_of(listener));
    // A name of rank 0's own that the ranks alone know.
    put(hello_.job, str(std::random_device()(), "-", std::random_device()()));
    for (int r = 1; r < ranks_.size; ++r) {
      const Socket& socket = socket_of(r);
      const bool told = answer(socket, Verdict::welcome, hello_.job) &&
                        send_whole(socket, places_.data(), bytes_of_places(), deadline_ + 5s);
      if (!told)
        throw Error(str("rank ", r, " (", place_of(r).name, ") is gone: its connection is closed"),
                    ErrorKind::peer);
    }
  }

  /// Whether one more rank is here.
  bool receive(Socket socket, const Hello& hello) {
    if (std::memcmp(hello.job, hello_.job, sizeof hello.job) != 0) {
      answer(socket, Verdict::another_job);
      return false;
    }
    const auto refuse = [&](const std::string& text) {
      answer(socket, Verdict::refused, text);
      return false;
    };
    if (hello.size != ranks_.size)
      return refuse(str("rank ", hello.rank, " was started as one of ", hello.size,
                        ", rank 0 as one of ", ranks_.size));
    if (hello.rank <= 0 || hello.rank >= ranks_.size)
      return refuse(str("there is no rank ", hello.rank, " among ", ranks_.size));
    Place& place = place_of(hello.rank);
    const bool known = static_cast<bool>(socket_of(hello.rank));
    if (known && std::strncmp(place.name, hello.name, sizeof place.name) != 0)
      return refuse(str("there are two ranks ", hello.rank, ": ", place.name, " and ", hello.name));
    const std::string address = peer_address(socket);
    const bool here = address.starts_with("127.") || address == "::1";
    put(place.address, here ? "" : address);
    put(place.name, hello.name);
    place.port = hello.port;
    if (!answer(socket, Verdict::welcome)) return false;
    socket_of(hello.rank) = std::move(socket);
    return !known;
  }

  [[noreturn]] void give_up(int port) {
    std::string missing;
    int count = 0;
    for (int r = 1; r < ranks_.size; ++r)
      if (!socket_of(r)) missing += str(count++ == 0 ? "" : ", ", r);
    const std::string text = str(count == 1 ? "rank " : "ranks ", missing, " of ", ranks_.size,
                                 count == 1 ? " has" : " have", " not come to rank 0 at ",
                                 where(port), " within ", timeout_.count(), " s");
    for (int r = 1; r < ranks_.size; ++r)
      if (socket_of(r)) answer(socket_of(r), Verdict::refused, text);
    throw Error(text + remedy, ErrorKind::peer);
  }

  // The other ranks.

  void come_to_rank_0() {
    std::string why;
    for (auto pause = 10ms; !socket_of(0); pause = std::min(2 * pause, 500ms)) {
      for (size_t i = 0; i < place_.ports.size() && !socket_of(0); ++i)
        try_at(place_.ports[i], i == 0, why);
      if (socket_of(0)) break;
      if (left_ms(deadline_) == 0)
        throw Error(
            str("rank ", ranks_.rank, " cannot reach rank 0 at ", where(place_.ports.front()),
                " within ", timeout_.count(), " s: ", why, remedy),
            ErrorKind::peer);
      std::this_thread::sleep_for(pause);
    }
    // Now the others are waited for; rank 0 says when that takes too long.
    Answer all_here;
    if (!receive_whole(socket_of(0), &all_here, sizeof all_here, deadline_ + 10s))
      throw Error(
          str("rank 0 at ", where(place_.ports.front()), " has left, or has not answered rank ",
              ranks_.rank, ", before all ranks were there"),
          ErrorKind::peer);
    if (all_here.verdict != Verdict::welcome) throw PeerError(all_here.text, ErrorKind::peer);
    put(hello_.job, all_here.text);
    if (!receive_whole(socket_of(0), places_.data(), bytes_of_places(), deadline_ + 10s))
      throw Error("rank 0 has left before all ranks were connected", ErrorKind::peer);
  }

  /// Connects to rank 0 if it is there; `why` not, as the first port tells it.
  void try_at(int port, bool first, std::string& why) {
    const Deadline soon = std::min(
        deadline_, Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout_ / 10));
    std::string reason;
    Socket socket = connect_to(place_.address, port, soon, reason);
    Answer said;
    if (socket) {
      reason = "what answers there is no rank of this job";
      if (!send_whole(socket, &hello_, sizeof hello_, soon) ||
          !receive_whole(socket, &said, sizeof said, soon) || !is_ours(said.protocol) ||
          said.verdict == Verdict::another_job)
        socket.close();
    }
    if (!socket) {
      if (first) why = reason;
      return;
    }
    if (said.verdict == Verdict::refused) throw Error(said.text, ErrorKind::peer);
    socket_of(0) = std::move(socket);
  }

  /// To the ranks below, after which those above come here.
  void connect_others(const Socket& listener) {
    const Deadline deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout_);
    for (int r = 1; r < ranks_.rank; ++r) {
      const Place& place = place_of(r);
      const std::string address =
          *place.address == '\0' ? peer_address(socket_of(0)) : place.address;
      std::string why = "it does not answer";
      Socket socket = connect_to(address, place.port, deadline, why);
      if (!socket || !send_whole(socket, &hello_, sizeof hello_, deadline))
        throw Error(str("rank ", ranks_.rank, " cannot reach rank ", r, " (", place.name, ") at ",
                        address, ":", place.port, ": ", why, remedy),
                    ErrorKind::peer);
      socket_of(r) = std::move(socket);
    }
    int missing = ranks_.size - 1 - ranks_.rank;
    const bool all = missing == 0 ||
                     take_connections(listener, deadline, [&](Socket socket, const Hello& hello) {
                       const bool ours =
                           std::memcmp(hello.job, hello_.job, sizeof hello.job) == 0 &&
                           hello.rank > ranks_.rank && hello.rank < ranks_.size;
                       if (ours && !socket_of(hello.rank))
                         --missing, socket_of(hello.rank) = std::move(socket);
                       return missing == 0;
                     });
    for (int r = ranks_.rank + 1; r < ranks_.size && !all; ++r)
      if (!socket_of(r))
        throw Error(str("rank ", r, " (", place_of(r).name, ") has not come to rank ", ranks_.rank,
                        " within ", timeout_.count(), " s", remedy),
                    ErrorKind::peer);
  }

  int64_t bytes_of_places() const { return static_cast<int64_t>(places_.size() * sizeof(Place)); }

  static constexpr const char* remedy =
      "\n  every rank needs the same MASTER_ADDR, MASTER_PORT and WORLD_SIZE, and no firewall may "
      "stand between "
      "the machines; LW_PEER_TIMEOUT_S=N sets how long ranks wait";

  RankEnvironment ranks_;
  MeetingPlace place_;
  std::chrono::duration<double> timeout_;
  Deadline deadline_;
  std::vector<Place> places_;
  ConnectedRanks connected_;
  Hello hello_;
};

}  // namespace

ConnectedRanks connect_ranks(const RankEnvironment& ranks, const MeetingPlace& place,
                             const std::string& own_name, std::chrono::duration<double> timeout) {
  return Rendezvous(ranks, place, own_name, timeout).connect();
}

}  // namespace lw
