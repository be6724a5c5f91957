#include "apps/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/parallel.h"
#include "core/peer_watch.h"
#include "core/rank_transport.h"
#include "core/sockets.h"

namespace lw {
namespace {

constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

// What signals are passed on to: mpirun, or every rank.
constexpr int most_processes = 1024;  // --nproc takes no more
volatile sig_atomic_t job[most_processes];
volatile sig_atomic_t processes = 0;

void pass_on(int) {
  for (int i = 0; i < processes; ++i)
    if (job[i] > 0) ::kill(static_cast<pid_t>(job[i]), SIGUSR1);
}

using Words = std::vector<std::string>;

/// This program with the same arguments, but `threads` in place of what --threads says.
Words own_words(char** argv, const std::string& threads) {
  const std::string flag = "--threads";
  std::error_code none;
  Words words{std::filesystem::read_symlink("/proc/self/exe", none).string()};
  for (char** argument = argv + 1; *argument != nullptr; ++argument) {
    const std::string word = *argument;
    words.push_back(words.back() == flag           ? threads
                    : word.starts_with(flag + "=") ? flag + "=" + threads
                                                   : word);
  }
  return words;
}

Words mpirun_words(int ranks, const Words& own) {
  Words words{"mpirun", "-n", std::to_string(ranks), "--oversubscribe", "--bind-to", "none"};
  if (::geteuid() == 0) words.emplace_back("--allow-run-as-root");
  words.insert(words.end(), own.begin(), own.end());
  return words;
}

/// Starts a process with variables (NAME=VALUE) added to its environment; `before` is its mask of signals. The error of
/// exec, or 0.
int start(Words words, Words variables, const sigset_t& before) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
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
    for (std::string& variable : variables) ::putenv(variable.data());
    ::execvp(arguments[0], arguments.data());
    const int reason = errno;
    [[maybe_unused]] const ssize_t told = ::write(failure[1], &reason, sizeof reason);
    ::_exit(127);
  }
  ::close(failure[1]);
  int reason = 0;
  const bool failed = ::read(failure[0], &reason, sizeof reason) == sizeof reason;
  ::close(failure[0]);
  if (failed) {
    ::waitpid(child, nullptr, 0);
    return reason;
  }
  job[processes] = child;
  processes = processes + 1;
  return 0;
}

/// Ranks that meet at a port of this machine, as torchrun's do.
void start_ranks(int ranks, const Words& own, const sigset_t& before) {
  std::string why;
  const int port = port_of(listen_at(0, why));
  for (int rank = 0; rank < ranks; ++rank) {
    const int reason = start(
        own,
        {str("RANK=", rank), str("LOCAL_RANK=", rank), str("WORLD_SIZE=", ranks),
         "MASTER_ADDR=localhost", str("MASTER_PORT=", port), "TORCHELASTIC_USE_AGENT_STORE=False"},
        before);
    if (reason == 0) continue;
    pass_on(0);
    throw Error(str("--nproc: rank ", rank, " cannot be started: ", std::strerror(reason)));
  }
}

/// mpirun ends with 128 + N where signal N has killed a rank, and says which: a lost peer.
void expect_no_lost_rank(int code) {
  constexpr int by_second_signal = 130;  // this program's own code
  if (code > 128 && code != by_second_signal)
    throw Error(str("--nproc: signal ", code - 128, " killed a rank, which mpirun names above\n  ",
                    "longwave train --resume auto goes on from the last checkpoint"),
                ErrorKind::peer);
}

/// Waits for all. The code of the first that ended with one of its own, else that of the first that was killed. Where one
/// has lost another, or was killed, those that do not end within twice the time for which ranks wait are killed: a stopped
/// process ends in no other way.
int wait_for_all() {
  using Clock = std::chrono::steady_clock;
  int own = 0, killed = 0;
  Clock::time_point last{};  // once a rank is lost
  for (int left = processes; left > 0;) {
    const bool lost = killed != 0 || own == static_cast<int>(ErrorKind::peer);
    if (lost && last == Clock::time_point{})
      last = Clock::now() + std::chrono::duration_cast<Clock::duration>(2 * peer_timeout());
    int status = 0;
    const pid_t child = ::waitpid(-1, &status, lost ? WNOHANG : 0);
    if (child == 0) {
      if (Clock::now() > last)
        for (int i = 0; i < processes; ++i)
          if (job[i] > 0) ::kill(static_cast<pid_t>(job[i]), SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    if (child < 0 && errno == EINTR) continue;
    if (child < 0) break;
    for (int i = 0; i < processes; ++i)
      if (job[i] == child) job[i] = 0, --left;
    if (WIFSIGNALED(status) && killed == 0) killed = 128 + WTERMSIG(status);
    if (WIFEXITED(status) && own == 0) own = WEXITSTATUS(status);
  }
  return own != 0 ? own : killed;
}

}  // namespace

int launch_ranks(int ranks, char** argv) {
  const std::string threads = std::to_string(std::max(1, num_threads() / ranks));
  ::setenv("OMP_NUM_THREADS", threads.c_str(), 0);
  const Words own = own_words(argv, threads);
  // A signal that comes meanwhile waits until there is somebody to pass it on to.
  sigset_t stops, before;
  ::sigemptyset(&stops);
  for (const int number : stop_signals) ::sigaddset(&stops, number);
  ::sigprocmask(SIG_BLOCK, &stops, &before);
  struct sigaction action = {};
  action.sa_handler = pass_on;
  for (const int number : stop_signals) ::sigaction(number, &action, nullptr);

  const int reason = mpi_is_built() ? start(mpirun_words(ranks, own), {}, before) : ENOENT;
  check(reason == 0 || reason == ENOENT,
        "--nproc: mpirun cannot be started: ", std::strerror(reason));
  if (reason == ENOENT) start_ranks(ranks, own, before);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  const int code = wait_for_all();
  if (reason == 0) expect_no_lost_rank(code);
  return code;
}

}  // namespace lw
