// Ranks that speak over TCP: every two are connected, and sums are added in the order of the ranks.
//
// A sum of n ranks is cut into n parts. Each rank sends part r to rank r, adds up its own part, and sends that to all:
// 2 (n - 1) / n of the bytes leave and reach each rank, and the bits depend neither on timing nor on the parts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <thread>

#include "core/message_link.h"
#include "core/peer_watch.h"
#include "core/rank_rendezvous.h"
#include "core/rank_transport.h"

namespace lw {
namespace {

using Kind = MessageLink::Kind;
using Message = MessageLink::Message;
using Clock = Deadline::clock;
using namespace std::chrono_literals;

template <class T>
void add(std::byte* sum, const std::byte* more, int64_t count) {
  T* to = reinterpret_cast<T*>(sum);
  const T* from = reinterpret_cast<const T*>(more);
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}

class TcpTransport final : public RankTransport {
 public:
  explicit TcpTransport(const RankEnvironment& expected) : rank_(expected.rank) {
    ConnectedRanks ranks =
        connect_ranks(expected, meeting_place(expected), own_process_name(), peer_timeout());
    names_ = std::move(ranks.names);
    for (Socket& socket : ranks.sockets) links_.emplace_back(std::move(socket));
  }

  const std::vector<std::string>& names() const override { return names_; }

  Ticket gather(Channel channel, const void* own, int64_t bytes, void* all) override {
    const Kind kind = channel == Channel::calls ? Kind::call : Kind::ending;
    const int64_t tag = next_tag(kind);
    auto* to = static_cast<std::byte*>(all);
    if (bytes > 0) std::memcpy(to + rank_ * bytes, own, static_cast<size_t>(bytes));
    return start(
        [=, this, sent = send_to_others(kind, tag, own, bytes), from = others()]() mutable {
          receive(kind, tag, from,
                  [&](int r, const Message& message) { copy(message, to + r * bytes, bytes, r); });
          return from.empty() && sent.use_count() == 1;
        });
  }

  Ticket broadcast(void* data, int64_t bytes) override {
    const int64_t tag = next_tag(Kind::call);
    if (rank_ == 0)
      return start(
          [sent = send_to_others(Kind::call, tag, data, bytes)] { return sent.use_count() == 1; });
    return start([=, this, from = std::vector<int>{0}]() mutable {
      receive(Kind::call, tag, from, [&](int r, const Message& message) {
        copy(message, static_cast<std::byte*>(data), bytes, r);
      });
      return from.empty();
    });
  }

  Ticket sum(void* data, int64_t count, DType dtype) override {
    const int64_t parts = next_tag(Kind::call), sums = next_tag(Kind::call);
    const auto size = static_cast<int>(links_.size());
    const int64_t width = size_of(dtype);
    const auto begin = [=, to = static_cast<std::byte*>(data)](int r) {
      return to + share_of(count, r, size).begin * width;
    };
    const auto bytes = [=](int r) { return begin(r + 1) - begin(r); };
    const auto sent = std::make_shared<char>();
    for (const int r : others()) link(r).send(Kind::call, parts, begin(r), bytes(r), sent);

    const auto given = std::make_shared<std::vector<Message>>(links_.size());
    return start([=, this, from = others(), summed = others()]() mutable {
      if (!from.empty()) {
        receive(Kind::call, parts, from, [&](int r, Message& message) {
          check_size(message, bytes(rank_), r);
          (*given)[static_cast<size_t>(r)] = std::move(message);
        });
        if (!from.empty()) return false;
        add_up(*given, begin(rank_), bytes(rank_), dtype);
        for (const int r : others())
          link(r).send(Kind::call, sums, begin(rank_), bytes(rank_), sent);
      }
      receive(Kind::call, sums, summed,
              [&](int r, const Message& message) { copy(message, begin(r), bytes(r), r); });
      return summed.empty() && sent.use_count() == 1;
    });
  }

  bool done(Ticket ticket) override {
    const auto found = running_.find(ticket);
    if (found != running_.end() && found->second()) running_.erase(found);
    return !running_.contains(ticket);
  }

  void send_beat(int to, const Beat& beat) override {
    if (link(to).sends(Kind::beat)) return;
    const auto copy = std::make_shared<Beat>(beat);
    link(to).send(Kind::beat, 0, copy.get(), sizeof beat, copy);
  }
  bool take_beat(int from, Beat& beat) override {
    const std::optional<Message> message = link(from).take(Kind::beat, 0);
    if (message) copy(*message, reinterpret_cast<std::byte*>(&beat), sizeof beat, from);
    return message.has_value();
  }

  std::vector<int> progress() override {
    std::vector<int> closed;
    for (const int r : others()) {
      link(r).progress();
      if (const std::optional<Message> message = link(r).take(Kind::abort, 0)) {
        int32_t code = 0;
        copy(*message, reinterpret_cast<std::byte*>(&code), sizeof code, r);
        std::fflush(nullptr);
        std::_Exit(code);  // that rank has told why
      }
      if (link(r).closed() && !link(r).holds(Kind::leave, 0)) closed.push_back(r);
    }
    return closed;
  }

  void leave() override {
    for (const int r : others()) link(r).send(Kind::leave, 0, nullptr, 0);
    // A connection that is closed before all from it was read would take back what was sent last.
    wait_for_links([](MessageLink& link) {
      return link.closed() || (link.idle() && link.take(Kind::leave, 0).has_value());
    });
  }

  [[noreturn]] void abort(int code) override {
    for (const int r : others()) {
      link(r).drop_waiting();
      link(r).send(Kind::abort, 0, &code, sizeof(int32_t));
    }
    wait_for_links([](MessageLink& link) { return link.closed() || link.idle(); });
    std::_Exit(code);
  }

 private:
  MessageLink& link(int r) { return links_[static_cast<size_t>(r)]; }
  std::vector<int> others() const {
    std::vector<int> ranks;
    for (int r = 0; r < static_cast<int>(links_.size()); ++r)
      if (r != rank_) ranks.push_back(r);
    return ranks;
  }
  int64_t next_tag(Kind kind) { return tags_[kind]++; }

  template <class Advance>
  Ticket start(Advance advance) {
    running_.emplace(next_ticket_, std::move(advance));
    return next_ticket_++;
  }

  /// Owned by others as long as something is not sent.
  std::shared_ptr<const void> send_to_others(Kind kind, int64_t tag, const void* data,
                                             int64_t bytes) {
    const auto sent = std::make_shared<char>();
    for (const int r : others()) link(r).send(kind, tag, data, bytes, sent);
    return sent;
  }

  /// Gives take() the message of each rank of `from` that has come, and strikes the rank out.
  template <class Take>
  void receive(Kind kind, int64_t tag, std::vector<int>& from, Take&& take) {
    std::erase_if(from, [&](int r) {
      std::optional<Message> message = link(r).take(kind, tag);
      if (message) take(r, *message);
      return message.has_value();
    });
  }

  static void check_size(const Message& message, int64_t bytes, int r) {
    if (message.bytes != bytes)
      throw Error(str("rank ", r, " sent ", message.bytes, " bytes where ", bytes,
                      " were expected: the ranks do not make the same calls"),
                  ErrorKind::peer);
  }
  static void copy(const Message& message, std::byte* to, int64_t bytes, int r) {
    check_size(message, bytes, r);
    if (bytes > 0) std::memcpy(to, message.data.get(), static_cast<size_t>(bytes));
  }

  /// The sum of this rank's part at `own` and those of the others, in the order of the ranks.
  void add_up(std::vector<Message>& given, std::byte* own, int64_t bytes, DType dtype) const {
    const auto add_to = dtype == DType::f32 ? add<float> : add<double>;
    const int64_t count = bytes / size_of(dtype);
    if (rank_ > 0) {  // what comes before this rank's own, then that
      std::byte* sum = given[0].data.get();
      for (int r = 1; r < rank_; ++r) add_to(sum, given[static_cast<size_t>(r)].data.get(), count);
      add_to(own, sum, count);
    }
    for (size_t r = static_cast<size_t>(rank_) + 1; r < given.size(); ++r)
      add_to(own, given[r].data.get(), count);
    given.clear();
  }

  template <class Ready>
  void wait_for_links(Ready&& ready) {
    std::vector<int> waiting = others();
    for (const Deadline deadline = Clock::now() + 2s;
         !waiting.empty() && Clock::now() < deadline;) {
      std::erase_if(waiting, [&](int r) {
        link(r).progress();
        return ready(link(r));
      });
      std::this_thread::sleep_for(50us);
    }
  }

  int rank_;
  std::vector<std::string> names_;
  std::vector<MessageLink> links_;  // by rank; that to itself is not used
  std::map<Kind, int64_t> tags_;
  std::map<Ticket, std::function<bool()>> running_;
  Ticket next_ticket_ = 0;
};

}  // namespace

std::unique_ptr<RankTransport> make_tcp_transport(const RankEnvironment& expected) {
  return std::make_unique<TcpTransport>(expected);
}

}  // namespace lw
