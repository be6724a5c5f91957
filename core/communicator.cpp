#include "core/communicator.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "core/digest.h"
#include "core/log.h"
#include "core/rank_transport.h"

namespace lw {
namespace {

/// The number that a variable holds; none if it is not set.
std::optional<int> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, value);
  check(error == std::errc() && rest == end && value >= 0, variable,
        ": expected a number of ranks or a rank, received `", text, "`");
  return value;
}

/// Whether the ranks meet at MASTER_ADDR, not through MPI: torchrun brings no MPI, srun perhaps none that fits, and this
/// build may have none.
bool meet_by_address(const RankEnvironment& found) {
  if (found.source == "torchrun") return true;
  return std::getenv("MASTER_ADDR") != nullptr && (found.source == "srun" || !mpi_is_built());
}

/// Whether a process that has not joined the others is the one to tell its error: rank 0, where they meet the same; each
/// rank, where it could not join.
bool speaks(int code) {
  if (code == static_cast<int>(ErrorKind::peer)) return true;
  try {
    return rank_environment().rank == 0;
  } catch (const Error&) {
    return true;
  }
}

/// One process.
class Alone final : public Communicator {
 public:
  Alone() : Communicator(0, 1) {}
  std::vector<double> gather(std::span<const double> values) override {
    return {values.begin(), values.end()};
  }
  std::string broadcast(const std::string& bytes) override { return bytes; }
  void start_sum(const Tensor&) override {}
  void wait_sums() override {}
  int end(int code, const std::string& error, const std::function<void()>& tell) override {
    if (!error.empty() && speaks(code)) tell();
    return code;
  }
};

std::unique_ptr<Communicator>& own_ranks() {
  static std::unique_ptr<Communicator> ranks = std::make_unique<Alone>();
  return ranks;
}

}  // namespace

RankEnvironment rank_environment() {
  struct Launcher {
    const char *source, *rank, *size, *local;
    const char* inside;  // set where the others count
  };
  constexpr Launcher launchers[] = {
      {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
       "OMPI_COMM_WORLD_RANK"},
      {"mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "PMI_RANK"},
      // The shell of a job has these too; only in a step is there a process for each.
      {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_ID"},
      {"srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_STEP_ID"},
      // Kubernetes sets no LOCAL_RANK: its pods have a GPU each.
      {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "WORLD_SIZE"},
  };
  for (const auto& [source, rank, size, local, inside] : launchers) {
    if (std::getenv(inside) == nullptr) continue;
    const std::optional<int> r = number_in(rank), n = number_in(size);
    check(!n || *n > 0, size, " is 0: it counts all ranks, this one too");
    if (!n || *n == 1) continue;
    check(r.has_value(), size, " is ", *n, ", but ", rank, " is not set");
    check(*r < *n, rank, " is ", *r, " and ", size, " is ", *n, ": there is no such rank");
    return {*r, *n, number_in(local).value_or(0), source};
  }
  return {};
}

Communicator& ranks() { return *own_ranks(); }

void join_ranks() {
  const RankEnvironment found = rank_environment();
  if (found.size == 1) return;
  set_log_rank(found.rank, found.size);
  own_ranks() = make_communicator(
      found, meet_by_address(found) ? make_tcp_transport(found) : make_mpi_transport(found));
}

std::vector<double> Communicator::sum(std::span<const double> values) {
  const std::vector<double> all = gather(values);
  std::vector<double> total(values.size());
  for (size_t i = 0; i < all.size(); ++i) total[i % values.size()] += all[i];
  return total;
}

bool Communicator::any(bool here) {
  const double value = here ? 1 : 0;
  return sum({&value, 1})[0] > 0;
}

void Communicator::barrier() { any(false); }

void Communicator::check_same(const std::string& what, const std::string& text) {
  const std::string digest = xxh3(text.data(), std::ssize(text));
  const double differs = digest == broadcast(digest) ? 0 : 1;
  std::string others;
  const std::vector<double> all = gather({&differs, 1});
  for (size_t r = 0; r < all.size(); ++r)
    if (all[r] != 0) others += str(others.empty() ? "" : ", ", r);
  check(others.empty(), what, " differs between the ranks: rank ", others,
        " has another than rank 0");
}

void Communicator::on_first(const std::function<void()>& action) {
  std::string failure;  // the kind as a digit, then the text; empty: none
  if (first()) {
    try {
      action();
    } catch (const Error& error) {
      failure = str(static_cast<int>(error.kind()), error.what());
    }
  }
  failure = broadcast(failure);
  if (!failure.empty()) throw Error(failure.substr(1), static_cast<ErrorKind>(failure[0] - '0'));
}

}  // namespace lw
