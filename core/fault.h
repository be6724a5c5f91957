// Faults on purpose: lets a test break the k-th change of the disk and see what survives. Internal.
//
// Every system call of this library that changes the disk (create, write, truncate, fsync, close,
// rename, exchange, mkdir, symlink, unlink, rmdir) goes through disk_operation(), which counts it.
// The environment variable LW_FAULT, or arm_fault(), makes one of them misbehave; both are for
// tests alone:
//
//   crash@k   the process is killed (SIGKILL) in place of call k, a write having written one half
//   enospc@k  call k fails with ENOSPC
//   full@k    from call k on, every call that needs space fails with ENOSPC, as on a full disk
//
// k counts from 1. Cost: one atomic increment a call.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>

namespace lw {

/// Starts counting from zero with the fault `spec` in wait; "" disarms. Throws Error on a bad spec.
void arm_fault(const std::string& spec);

/// Calls counted since the start, or since arm_fault().
int64_t disk_operations();

enum class Space { needed, freed };

namespace detail {
enum class Fault { none, crash, no_space };
Fault next_fault(Space space);
[[noreturn]] void crash();
}  // namespace detail

/// The result of call(), a system call that changes the disk, unless a fault is due: then -1 with
/// errno set, or the end of the process after before_crash().
template <class Call, class BeforeCrash>
int64_t disk_operation(Space space, Call&& call, BeforeCrash&& before_crash) {
  switch (detail::next_fault(space)) {
    case detail::Fault::crash:
      before_crash();
      detail::crash();
    case detail::Fault::no_space:
      errno = ENOSPC;
      return -1;
    case detail::Fault::none:
      break;
  }
  return call();
}

template <class Call>
int64_t disk_operation(Space space, Call&& call) {
  return disk_operation(space, call, [] {});
}

}  // namespace lw
