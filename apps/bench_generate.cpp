// longwave bench generate: how fast a model writes, one token after the other.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <optional>
#include <span>

#include "apps/bench.h"
#include "apps/bench_output.h"
#include "apps/commands.h"
#include "apps/generate.h"
#include "apps/output.h"
#include "apps/run.h"
#include "autograd/profile.h"
#include "core/parallel.h"

namespace lw {
namespace {

/// How fast all threads together read an array much larger than the caches.
class ReadRate {
 public:
  /// One pass over the array.
  void measure() {
    ms_.push_back(elapsed_ms([&] {
      const auto* words = array_.data<int64_t>();
      parallel_chunks(chunks, [&](int64_t i) {
        sums_[static_cast<size_t>(i)] =
            std::accumulate(words + i * chunk, words + (i + 1) * chunk, int64_t{0});
      });
    }));
    check(std::accumulate(sums_.begin(), sums_.end(), int64_t{0}) == array_.numel(),
          "bench generate: the array was not read");
  }
  double bytes_per_s() const { return 1e3 * static_cast<double>(array_.bytes()) / median(ms_); }

 private:
  static constexpr int64_t chunk = int64_t{1} << 15, chunks = 1024;  // of 256 KiB: 256 MiB in all
  Tensor array_ = Tensor::full({chunks, chunk}, 1, DType::i64, host);
  std::vector<int64_t> sums_ = std::vector<int64_t>(chunks);
  std::vector<double> ms_;
};

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

/// Tokens a second, from the median of some times in ms.
double per_second(std::span<const double> ms) {
  return 1000 / median(std::vector<double>(ms.begin(), ms.end()));
}

}  // namespace

int bench_generate(const BenchArguments& arguments) {
  const RunConfig config = load_config(arguments.name, arguments.overrides);
  const DeviceScope device(device_of(config.device));
  const Task task = open_data(config).task;
  const std::unique_ptr<Model> model = make_model(config, task);
  const Parameters parameters = model->parameters();
  perturb(parameters);
  std::optional<BenchDump> dump;
  if (!arguments.dump.empty()) dump.emplace(arguments.dump).parameters(parameters);
  const StoredWeights stored = store_weights_as(arguments.weights, parameters);

  if (dump) {
    const NoGrad no_grad;
    const Tensor ids = Draw{Random(1).fork("bench")}.ids("ids", {1, 32}, task.vocabulary).value;
    dump->tensors("inputs", {{"ids", ids}});
    dump->tensors("outputs", {{"logits", model->forward(ids, {}, {.mode = Mode::scan}).y.value()}});
    dump->finish();
  }

  const int64_t prompt[] = {0};
  const Sampling greedy{.temperature = 0};
  generate(*model, prompt, 8, greedy, [](int64_t) { return true; });  // warms caches and buffers
  // The rate of reading is taken in between, so that tokens and floor see the same machine.
  const int64_t interval = std::max<int64_t>(8, arguments.tokens / 64);
  ReadRate reading;
  reading.measure();
  std::vector<double> ms;
  Profile profile;
  std::optional<Profile::Scope> profiling;
  if (arguments.profile) profiling.emplace(profile);
  auto last = std::chrono::steady_clock::now();
  generate(*model, prompt, arguments.tokens, greedy, [&](int64_t) {
    const auto now = std::chrono::steady_clock::now();
    ms.push_back(std::chrono::duration<double, std::milli>(now - last).count());
    if (static_cast<int64_t>(ms.size()) % interval == 0) reading.measure();
    last = std::chrono::steady_clock::now();
    Profile::restart();
    return true;
  });
  profiling.reset();

  const std::span<const double> all(ms);
  const size_t window = std::min<size_t>(256, ms.size());
  const double tokens_per_s = per_second(all);
  const auto bytes = static_cast<double>(streamed_bytes(*model, stored.bytes));
  const double rate =
      default_device() == host ? reading.bytes_per_s() : machine_rates().bytes_per_s;
  const double floor = 1000 * bytes / rate;
  print_values({{"name", config.name},
                {"device", config.device},
                {"threads", num_threads()},
                {"weights", arguments.weights},
                {"weights_stored", stored.stored},
                {"weights_error", stored.error},
                {"worst_weight", stored.worst},
                {"tokens", ms.size()},
                {"tokens_per_s", tokens_per_s},
                {"first_tokens_per_s", per_second(all.first(window))},
                {"last_tokens_per_s", per_second(all.last(window))},
                {"token_ms", 1000 / tokens_per_s},
                {"weight_bytes", stored.bytes},
                {"gbytes", bytes / 1e9},
                {"read_gbytes_per_s", rate / 1e9},
                {"floor_ms", floor},
                {"share_of_floor", floor * tokens_per_s / 1000}},
               arguments.json);
  if (arguments.profile) std::fprintf(stderr, "\n%s", to_text(profile, arguments.tokens).c_str());
  return 0;
}

}  // namespace lw
