// MessageLink: messages to and from one other rank over a connection, without waiting. Internal to the transport over
// TCP.
//
// A message is a kind, a tag and bytes; those of one kind and tag are taken in any order, whenever they are wanted.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "core/sockets.h"

namespace lw {

class MessageLink {
 public:
  enum class Kind : int64_t { call, ending, beat, leave, abort };
  struct Message {
    std::unique_ptr<std::byte[]> data;
    int64_t bytes = 0;
  };

  explicit MessageLink(Socket socket) : socket_(std::move(socket)) {}

  /// Sends the bytes, which stay where they are as long as somebody but the caller owns `on_its_way`.
  void send(Kind kind, int64_t tag, const void* data, int64_t bytes,
            std::shared_ptr<const void> on_its_way = nullptr);
  std::optional<Message> take(Kind kind, int64_t tag);
  bool holds(Kind kind, int64_t tag) const { return inbox_.contains({kind, tag}); }
  /// Whether a message of this kind still waits to be sent.
  bool sends(Kind kind) const;
  bool idle() const { return outgoing_.empty(); }

  /// Sends and receives what goes without waiting.
  void progress();
  /// The other end is closed, and all that came from it before is here.
  bool closed() const { return closed_; }

  /// Forgets what has not begun to be sent.
  void drop_waiting();

 private:
  struct Header {
    Kind kind;
    int64_t tag, bytes;
  };
  struct Outgoing {
    Header header;
    const std::byte* data;
    std::shared_ptr<const void> on_its_way;
    int64_t sent = 0;  // of header and data
  };
  bool send_some();
  bool receive_some();
  bool moved(int64_t bytes);

  Socket socket_;
  bool closed_ = false;
  std::deque<Outgoing> outgoing_;
  Header header_{};       // of the message that is being received
  int64_t received_ = 0;  // of that header and its data
  Message incoming_;
  std::map<std::pair<Kind, int64_t>, std::deque<Message>> inbox_;
};

}  // namespace lw
