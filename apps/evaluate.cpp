#include "apps/evaluate.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "apps/replicas.h"
#include "apps/signals.h"

namespace lw {

Score evaluate(const Model& model, const Task& task, const Dataset& split, const std::string& name,
               int64_t batch, Communicator& ranks, double rate) {
  Score total;
  for (int64_t begin = 0; begin < split.size(); begin += batch) {
    throw_if_stop_requested(ranks);
    const Share share = share_of(std::min(batch, split.size() - begin), ranks.rank(), ranks.size());
    if (share.begin == share.end) continue;  // more ranks than samples
    std::vector<int64_t> indices(static_cast<size_t>(share.end - share.begin));
    std::iota(indices.begin(), indices.end(), begin + share.begin);
    total += score_of(task, model, split.batch(indices, /*epoch=*/0), rate);
  }
  total = sum_over(ranks, total);
  if (total.count == 0)
    throw Error(str("split ", name, ": none of the targets of its ", split.size(),
                    " samples counts: there is nothing to measure"),
                ErrorKind::data);
  return total;
}

std::vector<std::pair<std::string, double>> named(const Score& score, const Task& task) {
  std::vector<std::pair<std::string, double>> values{{"loss", score.loss()}};
  if (task.target != Task::Target::value) values.emplace_back("accuracy", score.accuracy());
  if (task.autoregressive) {
    values.emplace_back("perplexity", std::exp(score.loss()));
    values.emplace_back("bits_per_token", score.loss() / std::numbers::ln2);
  }
  return values;
}

}  // namespace lw
