#include "core/sockets.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace lw {
namespace {

constexpr int backlog = 1024;  // all ranks come at once

/// A listener of one family of addresses; none where the system refuses, with errno set.
Socket listener_of(int family, const sockaddr* address, socklen_t size) {
  Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  const int on = 1, off = 0;
  ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6)
    ::setsockopt(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(socket.number(), address, size) == 0 && ::listen(socket.number(), backlog) == 0)
    return socket;
  const int reason = errno;
  socket.close();
  errno = reason;
  return {};
}

/// Waits until the socket is ready for `events`; false at the deadline.
bool wait_for(const Socket& socket, short events, Deadline deadline) {
  pollfd polled{socket.number(), events, 0};
  for (;;) {
    const int ready = ::poll(&polled, 1, left_ms(deadline));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

/// Moves all bytes by move(data, bytes), which is ::send or ::recv without waiting.
template <class Move>
bool move_whole(const Socket& socket, short events, char* data, int64_t bytes, Deadline deadline,
                Move&& move) {
  while (bytes > 0) {
    if (!wait_for(socket, events, deadline)) return false;
    const ssize_t moved = move(data, static_cast<size_t>(bytes));
    if (moved == 0 || (moved < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (moved > 0) data += moved, bytes -= moved;
  }
  return true;
}

Socket attempt(const addrinfo& address, Deadline deadline, std::string& why) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int reason = errno;
  if (socket) {
    reason = 0;
    if (::connect(socket.number(), address.ai_addr, address.ai_addrlen) != 0) reason = errno;
    if (reason == EINPROGRESS) {
      socklen_t size = sizeof reason;
      if (!wait_for(socket, POLLOUT, deadline))
        reason = ETIMEDOUT;
      else
        ::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &reason, &size);
    }
    if (reason == 0) {
      const int on = 1;
      ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
  }
  why = std::strerror(reason);
  return {};
}

}  // namespace

void Socket::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

int left_ms(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30));
}

Socket listen_at(int port, std::string& why) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(static_cast<uint16_t>(port));
  Socket socket = listener_of(AF_INET6, reinterpret_cast<const sockaddr*>(&six), sizeof six);
  if (!socket && errno != EADDRINUSE) {  // a machine without IPv6
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(static_cast<uint16_t>(port));
    socket = listener_of(AF_INET, reinterpret_cast<const sockaddr*>(&four), sizeof four);
  }
  if (!socket) why = std::strerror(errno);
  return socket;
}

int port_of(const Socket& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

Socket connect_to(const std::string& host, int port, Deadline deadline, std::string& why) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  const int failure = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) {
    why = ::gai_strerror(failure);
    return {};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next)
    if (Socket socket = attempt(*address, deadline, why)) return socket;
  return {};
}

std::string peer_address(const Socket& connection) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char text[NI_MAXHOST] = {};
  ::getpeername(connection.number(), reinterpret_cast<sockaddr*>(&address), &size);
  ::getnameinfo(reinterpret_cast<sockaddr*>(&address), size, text, sizeof text, nullptr, 0,
                NI_NUMERICHOST);
  constexpr std::string_view mapped = "::ffff:";  // IPv4 at a listener of both families
  const std::string_view full(text);
  return std::string(full.starts_with(mapped) ? full.substr(mapped.size()) : full);
}

bool send_whole(const Socket& connection, const void* data, int64_t bytes, Deadline deadline) {
  return move_whole(connection, POLLOUT, static_cast<char*>(const_cast<void*>(data)), bytes,
                    deadline, [&](char* from, size_t size) {
                      return ::send(connection.number(), from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
                    });
}

bool receive_whole(const Socket& connection, void* data, int64_t bytes, Deadline deadline) {
  return move_whole(
      connection, POLLIN, static_cast<char*>(data), bytes, deadline,
      [&](char* to, size_t size) { return ::recv(connection.number(), to, size, MSG_DONTWAIT); });
}

}  // namespace lw
