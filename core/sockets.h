// Connections over TCP, with deadlines. Internal; knows no ranks.
//
// Errors: what the network does wrong is no Error here: a result says that it failed, and `why` in the system's words.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace lw {

using Deadline = std::chrono::steady_clock::time_point;

/// Owns a socket, or none.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int number) : number_(number) {}
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Socket() { close(); }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  void close();

 private:
  int number_ = -1;
};

/// Listens at a port of all addresses of this machine, IPv6 and IPv4; 0: at a free one.
Socket listen_at(int port, std::string& why);
int port_of(const Socket& listener);

/// One attempt at each address that `host` stands for.
Socket connect_to(const std::string& host, int port, Deadline deadline, std::string& why);
/// The address at the other end: "10.1.0.7" or "fe80::7".
std::string peer_address(const Socket& connection);

/// All of the bytes before the deadline, or false.
bool send_whole(const Socket& connection, const void* data, int64_t bytes, Deadline deadline);
bool receive_whole(const Socket& connection, void* data, int64_t bytes, Deadline deadline);

/// Milliseconds that are left, for poll(); 0 when it is past.
int left_ms(Deadline deadline);

}  // namespace lw
