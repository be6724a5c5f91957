// A folder for one test, gone with it; and a child process for what may end one.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "core/error.h"
#include "core/files.h"

namespace lw {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    // Memory where there is some, so that a thousand syncs cost nothing.
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name =
        ((memory ? Path("/dev/shm") : std::filesystem::temp_directory_path()) / "lw-test-XXXXXX")
            .string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const Path& path() const { return path_; }
  Path operator/(const Path& name) const { return path_ / name; }

 private:
  Path path_;
};

/// Runs `body` in a forked child, which then exits in the ordinary way. Returns its exit status, or
/// minus the signal that killed it; 99 says that an exception came out of `body`.
template <class Body>
int run_in_child(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 0;
    try {
      status = body();
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
      status = 99;
    }
    std::exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/// The text of the Error that f() throws, which must be of `kind`.
template <class F>
std::string error_of(ErrorKind kind, F&& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

}  // namespace lw
