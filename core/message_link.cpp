#include "core/message_link.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace lw {

void MessageLink::send(Kind kind, int64_t tag, const void* data, int64_t bytes,
                       std::shared_ptr<const void> on_its_way) {
  outgoing_.push_back(
      {{kind, tag, bytes}, static_cast<const std::byte*>(data), std::move(on_its_way)});
  while (send_some()) continue;
}

std::optional<MessageLink::Message> MessageLink::take(Kind kind, int64_t tag) {
  const auto found = inbox_.find({kind, tag});
  if (found == inbox_.end()) return std::nullopt;
  Message message = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) inbox_.erase(found);
  return message;
}

bool MessageLink::sends(Kind kind) const {
  return std::any_of(outgoing_.begin(), outgoing_.end(),
                     [&](const Outgoing& message) { return message.header.kind == kind; });
}

void MessageLink::progress() {
  while (send_some()) continue;
  constexpr int at_once = 64;  // then the others have their turn
  for (int i = 0; i < at_once && receive_some(); ++i) continue;
}

void MessageLink::drop_waiting() {
  const auto waits = [](const Outgoing& message) { return message.sent == 0; };
  outgoing_.erase(std::remove_if(outgoing_.begin(), outgoing_.end(), waits), outgoing_.end());
}

/// Whether a send or receive moved something; notes the end of the connection.
bool MessageLink::moved(int64_t bytes) {
  if (bytes > 0) return true;
  if (bytes == 0 || (errno != EAGAIN && errno != EINTR)) closed_ = true;
  return false;
}

bool MessageLink::send_some() {
  if (closed_ || outgoing_.empty()) return false;
  constexpr int64_t head = sizeof(Header);
  Outgoing& message = outgoing_.front();
  const int64_t of_header = std::min(message.sent, head), of_data = message.sent - of_header;
  iovec parts[] = {
      {reinterpret_cast<char*>(&message.header) + of_header, static_cast<size_t>(head - of_header)},
      {const_cast<std::byte*>(message.data) + of_data,
       static_cast<size_t>(message.header.bytes - of_data)}};
  msghdr both{};
  both.msg_iov = parts, both.msg_iovlen = 2;
  const int64_t sent = ::sendmsg(socket_.number(), &both, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
    outgoing_.clear();  // what the other end sent before is still to be read; then that tells
    return false;
  }
  if (!moved(sent)) return false;
  message.sent += sent;
  if (message.sent == head + message.header.bytes) outgoing_.pop_front();
  return true;
}

bool MessageLink::receive_some() {
  if (closed_) return false;
  constexpr int64_t head = sizeof(Header);
  char* to = reinterpret_cast<char*>(&header_) + received_;
  int64_t wanted = head - received_;
  if (wanted <= 0) {
    to = reinterpret_cast<char*>(incoming_.data.get()) + (received_ - head);
    wanted = incoming_.bytes - (received_ - head);
  }
  const int64_t received = ::recv(socket_.number(), to, static_cast<size_t>(wanted), MSG_DONTWAIT);
  if (!moved(received)) return false;
  received_ += received;
  if (received_ == head)
    incoming_ = {std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(header_.bytes)),
                 header_.bytes};
  if (received_ == head + header_.bytes && received_ >= head) {
    inbox_[{header_.kind, header_.tag}].push_back(std::move(incoming_));
    received_ = 0;
  }
  return true;
}

}  // namespace lw
