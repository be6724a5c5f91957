// longwave predict: a trained model answers the samples of a file.
//
//   images           an idx file, plain or .gz     the class of each image, and its probability
//   language models  a text file                   for each line, how likely the model finds it
//   series           a CSV file                    the rows that follow its last one
#include <algorithm>
#include <cmath>
#include <iostream>
#include <iterator>

#include "apps/commands.h"
#include "apps/output.h"
#include "apps/run.h"
#include "apps/signals.h"
#include "data/csv.h"
#include "data/images.h"
#include "data/mnist.h"

namespace lw {
namespace {

using Line = nlohmann::ordered_json;

/// The file as it is named in messages.
std::string place_of(const PredictArguments& arguments) {
  return arguments.file == "-" ? "stdin" : arguments.file;
}

std::string content_of(const PredictArguments& arguments) {
  if (arguments.file != "-") return read_file(arguments.file);
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

/// The natural logarithm of the probability of class `i`, of logits `x`.
double log_probability(std::span<const float> x, size_t i) {
  const double top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const float value : x) sum += std::exp(value - top);
  return x[i] - top - std::log(sum);
}

/// Row `i` of a contiguous matrix.
std::span<const float> row(const Tensor& matrix, int64_t i) {
  return {matrix.data<float>() + i * matrix.size(-1), static_cast<size_t>(matrix.size(-1))};
}

void predict_images(const TrainedRun& run, const ImageDataset& trained_on,
                    const PredictArguments& arguments) {
  const ImageSet images =
      read_idx_images(arguments.file == "-" ? Path("/dev/stdin") : Path(arguments.file));
  if (images.rows != trained_on.rows() || images.columns != trained_on.columns())
    throw Error(
        str(place_of(arguments), ": error: images of ", images.rows, " x ", images.columns,
            " pixels; the model was trained on ", trained_on.rows(), " x ", trained_on.columns()),
        ErrorKind::data);
  constexpr int64_t most = 64;
  const int64_t count = static_cast<int64_t>(images.pixels.size()) / (images.rows * images.columns);
  for (int64_t begin = 0; begin < count; begin += most) {
    throw_if_stop_requested();
    const int64_t end = std::min(begin + most, count);
    const Tensor logits = run.model->forward(trained_on.inputs_of(images, begin, end))
                              .y.value()
                              .to(host)
                              .contiguous();
    for (int64_t i = begin; i < end; ++i) {
      const std::span<const float> x = row(logits, i - begin);
      const auto best = std::max_element(x.begin(), x.end()) - x.begin();
      const double probability = std::exp(log_probability(x, static_cast<size_t>(best)));
      if (arguments.json)
        print_json({{"index", i}, {"class", best}, {"probability", probability}});
      else
        std::printf("%lld\t%lld\t%.4f\n", static_cast<long long>(i), static_cast<long long>(best),
                    probability);
    }
  }
}

/// The sum of -log p over the tokens from the second on, each given all before it.
double surprise(const Model& model, const std::vector<int64_t>& tokens) {
  constexpr size_t piece = 1024;  // tokens read at a time, the state handed on
  const bool whole = !model.causal();
  const size_t predicted = tokens.size() - 1;
  double sum = 0;
  ModelState state;
  for (size_t begin = 0; begin < predicted;) {
    throw_if_stop_requested();
    const size_t end = whole ? predicted : std::min(begin + piece, predicted);
    const Tensor input = Tensor::from({1, static_cast<int64_t>(end - begin)},
                                      std::span(tokens).subspan(begin, end - begin));
    Model::Result result = model.forward(input, state, {.keep_state = !whole});
    state = std::move(result.state);
    const Tensor logits = result.y.value().contiguous();
    for (size_t t = begin; t < end; ++t)
      sum -= log_probability(row(logits, static_cast<int64_t>(t - begin)),
                             static_cast<size_t>(tokens[t + 1]));
    begin = end;
  }
  return sum;
}

/// Each line is read by itself, after a line end: its first token is judged too.
void predict_text(const TrainedRun& run, const PredictArguments& arguments) {
  const std::string text = content_of(arguments);
  int64_t index = 0;
  for (size_t begin = 0; begin < text.size(); ++index) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    std::vector<int64_t> tokens;
    try {
      tokens = run.data.vocabulary->encode("\n" + line);
    } catch (const Error& error) {
      throw Error(str(place_of(arguments), ":", index + 1, ": error: ", error.what()),
                  ErrorKind::data);
    }
    const size_t count = tokens.size() - 1;
    const double mean =
        count == 0 ? NAN : surprise(*run.model, tokens) / static_cast<double>(count);
    if (arguments.json) {
      Line object{{"index", index}, {"tokens", count}};
      object["nll"] = count == 0 ? Line() : Line(mean);
      print_json(object);
    } else {
      std::printf("%.4f\t%s\n", mean, line.c_str());
    }
  }
}

void predict_series(const TrainedRun& run, const CsvDataset& trained_on,
                    const PredictArguments& arguments) {
  const Tensor inputs = trained_on.inputs_after(content_of(arguments), place_of(arguments));
  const Tensor y = run.model->forward(inputs).y.value();
  const int64_t steps = y.size(1), horizon = run.data.task.horizon;
  const std::vector<std::string>& names = trained_on.targets();
  const auto forecast = [&](int64_t step, size_t target) {
    const auto column = static_cast<int64_t>(target);
    return trained_on.in_units_of_file(y.at({0, steps - horizon + step, column}), column);
  };
  if (arguments.json) {
    Line values = Line::object();
    for (size_t i = 0; i < names.size(); ++i)
      for (int64_t step = 0; step < horizon; ++step) values[names[i]].push_back(forecast(step, i));
    print_json({{"index", 0}, {"forecast", values}});
    return;
  }
  std::string header = "step";
  for (const std::string& name : names) header += "," + name;
  std::puts(header.c_str());
  for (int64_t step = 0; step < horizon; ++step) {
    std::printf("%lld", static_cast<long long>(step + 1));
    for (size_t i = 0; i < names.size(); ++i) std::printf(",%.6g", forecast(step, i));
    std::puts("");
  }
}

}  // namespace

int predict_command(const PredictArguments& arguments) {
  const TrainedRun run = open_run(arguments.run, arguments.overrides, Corpus::unread);
  const NoGrad no_grad;
  if (const auto* images = dynamic_cast<const ImageDataset*>(run.data.train.get()))
    predict_images(run, *images, arguments);
  else if (const auto* series = dynamic_cast<const CsvDataset*>(run.data.train.get()))
    predict_series(run, *series, arguments);
  else if (run.data.vocabulary && run.data.task.autoregressive)
    predict_text(run, arguments);
  else
    throw Error(str("predict: ", arguments.run, " was trained on ", run.config.data.kind.kind(),
                    ", whose samples it reads from no file of its own\n  longwave eval measures "
                    "the run on a split"));
  return 0;
}

}  // namespace lw
