#include "core/fault.h"

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <mutex>

#include "core/error.h"

namespace lw {
namespace {

enum class Kind { none, crash, enospc, full };

std::atomic<int64_t> count{0};
std::atomic<int64_t> due{0};
std::atomic<Kind> kind{Kind::none};

Kind kind_of(const std::string& word) {
  if (word == "crash") return Kind::crash;
  if (word == "enospc") return Kind::enospc;
  if (word == "full") return Kind::full;
  return Kind::none;
}

void arm(const std::string& spec) {
  const size_t at = spec.find('@');
  int64_t k = 0;
  Kind parsed = Kind::none;
  if (!spec.empty()) {
    if (at != std::string::npos) {
      parsed = kind_of(spec.substr(0, at));
      const char* end = spec.data() + spec.size();
      const auto [rest, error] = std::from_chars(spec.data() + at + 1, end, k);
      if (error != std::errc() || rest != end) k = 0;
    }
    check(parsed != Kind::none && k > 0,
          "LW_FAULT: expected crash@k, enospc@k or full@k with k from 1, received `", spec, "`");
  }
  kind = parsed;
  due = k;
  count = 0;
}

void arm_from_environment() {
  static std::once_flag once;
  std::call_once(once, [] {
    const char* spec = std::getenv("LW_FAULT");
    if (spec) arm(spec);
  });
}

}  // namespace

void arm_fault(const std::string& spec) {
  arm_from_environment();
  arm(spec);
}

int64_t disk_operations() { return count; }

detail::Fault detail::next_fault(Space space) {
  arm_from_environment();
  const int64_t k = ++count;
  switch (kind.load()) {
    case Kind::crash:
      return k == due ? Fault::crash : Fault::none;
    case Kind::enospc:
      return k == due ? Fault::no_space : Fault::none;
    case Kind::full:
      return k >= due && space == Space::needed ? Fault::no_space : Fault::none;
    case Kind::none:
      break;
  }
  return Fault::none;
}

void detail::crash() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace lw
