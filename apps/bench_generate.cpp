// longwave bench generate: how fast a model writes, one token after the other.
#include <algorithm>
#include <chrono>
#include <numeric>

#include "apps/bench.h"
#include "apps/commands.h"
#include "apps/generate.h"
#include "apps/output.h"
#include "apps/run.h"
#include "core/parallel.h"
#include "layers/weight_format.h"

namespace lw {
namespace {

/// Bytes a second that all threads together read from an array much larger than the caches.
double read_bytes_per_s() {
  constexpr int64_t chunk = int64_t{1} << 17, chunks = 256;  // of 1 MiB: 256 MiB in all
  const Tensor array = Tensor::full({chunks, chunk}, 1, DType::i64);
  const auto* words = array.data<int64_t>();
  std::vector<int64_t> sums(chunks);
  const double ms = median_ms(
      [&] {
        parallel_chunks(chunks, [&](int64_t i) {
          sums[static_cast<size_t>(i)] =
              std::accumulate(words + i * chunk, words + (i + 1) * chunk, int64_t{0});
        });
      },
      0.3);
  check(std::accumulate(sums.begin(), sums.end(), int64_t{0}) == array.numel(),
        "bench generate: the array was not read");
  return 1e3 * static_cast<double>(array.bytes()) / ms;
}

/// Bytes of the weights that a token needs: all but a table of which it takes one row.
int64_t streamed_bytes(const Model& model, int64_t bytes) {
  const Parameters parameters = model.parameters();
  const auto named = [&](const char* name) {
    return std::find_if(parameters.begin(), parameters.end(),
                        [&](const Parameter& p) { return p.name == name; });
  };
  if (named("decoder.weight") == parameters.end()) return bytes;  // the table is the decoder
  const Tensor table = named("embedding.weight")->value.value();
  return bytes - table.size(0) * table.stride(0) * size_of(table.dtype());
}

/// Tokens a second, from the median of the milliseconds [begin, end).
double per_second(const std::vector<double>& ms, size_t begin, size_t end) {
  std::vector<double> part(ms.begin() + static_cast<std::ptrdiff_t>(begin),
                           ms.begin() + static_cast<std::ptrdiff_t>(end));
  const auto middle = part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2);
  std::nth_element(part.begin(), middle, part.end());
  return 1000 / *middle;
}

}  // namespace

int bench_generate(const BenchArguments& arguments) {
  const RunConfig config = load_config(arguments.name, arguments.overrides);
  const Task task = open_data(config).task;
  const std::unique_ptr<Model> model = make_model(config, task);
  const StoredWeights stored = store_weights(model->parameters(), weight_format(arguments.weights));

  const int64_t prompt[] = {0};
  const Sampling greedy{.temperature = 0};
  generate(*model, prompt, 8, greedy, [](int64_t) { return true; });  // warms caches and buffers
  std::vector<double> ms;
  auto last = std::chrono::steady_clock::now();
  generate(*model, prompt, arguments.tokens, greedy, [&](int64_t) {
    const auto now = std::chrono::steady_clock::now();
    ms.push_back(std::chrono::duration<double, std::milli>(now - last).count());
    last = now;
    return true;
  });

  const size_t count = ms.size(), window = std::min<size_t>(256, count);
  const double tokens_per_s = per_second(ms, 0, count);
  const auto bytes = static_cast<double>(streamed_bytes(*model, stored.bytes));
  const double rate = read_bytes_per_s(), floor = 1000 * bytes / rate;
  print_values({{"name", config.name},
                {"device", config.device},
                {"threads", num_threads()},
                {"weights", arguments.weights},
                {"weights_error", stored.error},
                {"worst_weight", stored.worst},
                {"tokens", count},
                {"tokens_per_s", tokens_per_s},
                {"first_tokens_per_s", per_second(ms, 0, window)},
                {"last_tokens_per_s", per_second(ms, count - window, count)},
                {"token_ms", 1000 / tokens_per_s},
                {"weight_bytes", stored.bytes},
                {"gbytes", bytes / 1e9},
                {"read_gbytes_per_s", rate / 1e9},
                {"floor_ms", floor},
                {"share_of_floor", floor * tokens_per_s / 1000}},
               arguments.json);
  return 0;
}

}  // namespace lw
