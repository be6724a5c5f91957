#include "apps/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"

namespace lw {
namespace {

volatile sig_atomic_t job = 0;  // the process of mpirun

void pass_on(int) { ::kill(static_cast<pid_t>(job), SIGUSR1); }

std::vector<std::string> mpirun_arguments(int ranks, char** argv) {
  std::vector<std::string> words{"mpirun",          "-n",        std::to_string(ranks),
                                 "--oversubscribe", "--bind-to", "none"};
  if (::geteuid() == 0) words.emplace_back("--allow-run-as-root");
  std::error_code none;
  words.push_back(std::filesystem::read_symlink("/proc/self/exe", none).string());
  for (char** argument = argv + 1; *argument != nullptr; ++argument) words.emplace_back(*argument);
  return words;
}

}  // namespace

int launch_ranks(int ranks, char** argv) {
  ::setenv("OMP_NUM_THREADS", std::to_string(std::max(1, num_threads() / ranks)).c_str(), 0);
  std::vector<std::string> words = mpirun_arguments(ranks, argv);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  // A signal that comes meanwhile waits until there is somebody to pass it on to.
  sigset_t stops, before;
  ::sigemptyset(&stops);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) ::sigaddset(&stops, number);
  ::sigprocmask(SIG_BLOCK, &stops, &before);
  int failure[2];  // tells of an exec that failed, and is closed by one that did not
  check(::pipe2(failure, O_CLOEXEC) == 0, "--nproc: no pipe: ", std::strerror(errno));
  const pid_t child = ::fork();
  check(child >= 0, "--nproc: no further process: ", std::strerror(errno));
  if (child == 0) {
    ::setpgid(0, 0);  // the terminal's signals come through this program alone
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ})
      ::signal(number, SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::execvp(arguments[0], arguments.data());
    const int reason = errno;
    [[maybe_unused]] const ssize_t told = ::write(failure[1], &reason, sizeof reason);
    ::_exit(127);
  }
  job = child;
  struct sigaction action = {};
  action.sa_handler = pass_on;
  for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2})
    ::sigaction(number, &action, nullptr);
  ::close(failure[1]);
  int reason = 0, status = 0;
  const bool failed = ::read(failure[0], &reason, sizeof reason) == sizeof reason;
  ::close(failure[0]);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  check(!failed, "--nproc: mpirun cannot be started: ", std::strerror(reason),
        "\n  install openmpi-bin, or put mpirun on the PATH");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace lw
