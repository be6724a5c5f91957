#include "data/csv.h"

#include <algorithm>
#include <cmath>

#include "core/digest.h"
#include "core/files.h"
#include "data/csv_table.h"

namespace lw {

struct CsvSeries {
  struct Scale {
    double mean = 0, deviation = 1;
    float apply(double x) const { return static_cast<float>((x - mean) / deviation); }
  };
  /// Columns of the table, with their scales, and the rows scaled: [row][column].
  struct Part {
    std::vector<std::string> names;
    std::vector<Scale> scales;
    std::vector<float> values;

    int64_t width() const { return static_cast<int64_t>(names.size()); }
    const float* row(int64_t r) const { return values.data() + r * width(); }
  };

  CsvOptions options;
  Part inputs, targets;

  int64_t steps() const { return options.length + options.horizon; }
  /// Writes one sample's inputs [steps, width + 1] from the `length` rows that start at `rows`.
  void write_inputs(const float* rows, float* out) const {
    const int64_t width = inputs.width();
    for (int64_t t = 0; t < steps(); ++t, out += width + 1) {
      const bool known = t < options.length;
      if (known)
        std::copy_n(rows + t * width, width, out);
      else
        std::fill_n(out, width, 0.0f);
      out[width] = known ? 0.0f : 1.0f;
    }
  }
};

namespace {

constexpr int64_t largest_file = int64_t{1} << 32;  // bytes

MissingValue missing_policy(const std::string& nan) {
  return nan == "drop"      ? MissingValue::drop
         : nan == "forward" ? MissingValue::forward
                            : MissingValue::error;
}

constexpr const char* missing_remedy =
    "\n  data.nan=drop leaves such rows out, data.nan=forward repeats the value above";

struct Borders {
  int64_t train, val, test;  // rows at which each split ends
};

Borders borders_of(const CsvOptions& o, int64_t rows, const std::string& file) {
  if (o.borders.empty()) {
    check(o.validation + o.test < 1, "data.validation + data.test is ", o.validation + o.test,
          ", which leaves no rows for training");
    const auto share = [&](double s) {
      return static_cast<int64_t>(s * static_cast<double>(rows));
    };
    const int64_t val = rows - share(o.test);
    return {val - share(o.validation), val, rows};
  }
  check(o.borders.size() == 2 || o.borders.size() == 3,
        "data.borders: expected two or three rows, the ends of training, validation and test, "
        "received ",
        o.borders.size());
  const Borders borders{o.borders[0], o.borders[1], o.borders.size() == 3 ? o.borders[2] : rows};
  check(0 < borders.train && borders.train <= borders.val && borders.val <= borders.test,
        "data.borders: expected rows that do not decrease, received ", borders.train, ", ",
        borders.val, ", ", borders.test);
  if (borders.test > rows)
    throw Error(str(file, ": error: ", rows, " rows, but data.borders ends at row ", borders.test),
                ErrorKind::data);
  return borders;
}

CsvSeries::Scale scale_of(const CsvTable& table, int64_t column, int64_t rows) {
  double mean = 0, square = 0;
  for (int64_t r = 0; r < rows; ++r) mean += table(r, column);
  mean /= static_cast<double>(rows);
  for (int64_t r = 0; r < rows; ++r) {
    const double d = table(r, column) - mean;
    square += d * d;
  }
  const double deviation = std::sqrt(square / static_cast<double>(rows));
  return {.mean = mean, .deviation = deviation > 0 ? deviation : 1};
}

CsvSeries::Part part_of(const CsvTable& table, const std::vector<std::string>& names,
                        int64_t train_rows, bool standardize) {
  CsvSeries::Part part{.names = names, .scales = {}, .values = {}};
  std::vector<int64_t> columns;
  for (const std::string& name : names) {
    columns.push_back(std::find(table.names.begin(), table.names.end(), name) -
                      table.names.begin());
    part.scales.push_back(standardize ? scale_of(table, columns.back(), train_rows)
                                      : CsvSeries::Scale());
  }
  for (int64_t r = 0; r < table.rows; ++r)
    for (size_t i = 0; i < columns.size(); ++i)
      part.values.push_back(part.scales[i].apply(table(r, columns[i])));
  return part;
}

/// The split of the rows [begin, end); null if it is empty.
std::unique_ptr<Dataset> split_of(const std::shared_ptr<const CsvSeries>& series, int64_t begin,
                                  int64_t end, const char* name, const std::string& file) {
  if (begin == end) return nullptr;
  const int64_t horizon = series->options.horizon;
  if (end - begin < horizon)
    throw Error(str(file, ": error: the ", name, " part has ", end - begin,
                    " rows, too few for data.horizon = ", horizon),
                ErrorKind::data);
  return std::make_unique<CsvDataset>(series, begin, end);
}

void check_named_once(const char* key, const std::vector<std::string>& names) {
  for (auto name = names.begin(); name != names.end(); ++name)
    check(std::find(names.begin(), name, *name) == name, key, ": `", *name, "` is named twice");
}

std::string digest_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + '\n';
  return xxh3(text.data(), std::ssize(text));
}

DataSource make_csv(const CsvOptions& o, const DataContext& context) {
  check_named_once("data.columns", o.columns);
  check_named_once("data.targets", o.targets);
  const std::filesystem::path path =
      std::filesystem::path(o.file).is_absolute()
          ? std::filesystem::path(o.file)
          : std::filesystem::path(data_folder(context, "ett")) / o.file;
  const std::string file = path.string();
  CsvSelection selection{.columns = o.columns,
                         .ignored = o.ignore,
                         .missing = missing_policy(o.nan),
                         .remedy = missing_remedy};
  if (!o.columns.empty())
    for (const std::string& target : o.targets)
      if (std::find(o.columns.begin(), o.columns.end(), target) == o.columns.end())
        selection.columns.push_back(target);
  const CsvTable table = parse_csv(read_file(path, largest_file), file, selection);
  for (const std::string& target : o.targets)
    check(std::find(table.names.begin(), table.names.end(), target) != table.names.end(),
          "data.targets: `", target, "` is not among the columns that ", file, " is read for");

  const Borders borders = borders_of(o, table.rows, file);
  if (borders.train < o.horizon || borders.train - o.horizon < o.length)
    throw Error(
        str(file, ": error: the training part has ", borders.train,
            " rows, too few for data.length = ", o.length, " and data.horizon = ", o.horizon),
        ErrorKind::data);
  auto series = std::make_shared<CsvSeries>();
  series->options = o;
  series->inputs =
      part_of(table, o.columns.empty() ? table.names : o.columns, borders.train, o.standardize);
  series->targets = part_of(table, o.targets.empty() ? series->inputs.names : o.targets,
                            borders.train, o.standardize);

  DataSource source;
  source.task = {.features = series->inputs.width() + 1,
                 .length = series->steps(),
                 .target = Task::Target::value,
                 .classes = series->targets.width(),
                 .horizon = o.horizon};
  const std::string values =
      xxh3(table.values.data(), static_cast<int64_t>(table.values.size() * sizeof(double)));
  source.fingerprint = str(values, " inputs=", digest_of(series->inputs.names),
                           " targets=", digest_of(series->targets.names), " length=", o.length,
                           " horizon=", o.horizon, " borders=", borders.train, ",", borders.val,
                           ",", borders.test, " standardize=", o.standardize);
  source.train = std::make_unique<CsvDataset>(series, o.length, borders.train);
  source.val = split_of(series, borders.train, borders.val, "validation", file);
  source.test = split_of(series, borders.val, borders.test, "test", file);
  return source;
}

const bool registered = datasets().add<CsvOptions>("csv", &make_csv);

}  // namespace

void CsvOptions::describe(Fields& f) {
  f.required("file", file, "CSV file below data.root, its first line names the columns");
  f.optional("columns", columns, "columns that are inputs; empty: all but `ignore`");
  f.optional("targets", targets, "columns that are forecast; empty: the inputs");
  f.optional("ignore", ignore, "columns left out where `columns` is empty");
  f.optional("length", length, "rows that are given", positive());
  f.optional("horizon", horizon, "rows that are forecast", positive());
  f.optional("validation", validation, "share of the rows, after training", probability());
  f.optional("test", test, "share of the rows, at the end", probability());
  f.optional("borders", borders,
             "rows at which training, validation and (if given) test end, in place of shares");
  f.optional("standardize", standardize,
             "subtract the mean of the training rows, divide by their "
             "deviation");
  f.optional("nan", nan, "missing values: an error, drop the row, or repeat the value above",
             one_of({"error", "drop", "forward"}));
}

CsvDataset::CsvDataset(std::shared_ptr<const CsvSeries> series, int64_t first, int64_t end)
    : series_(std::move(series)),
      first_(first),
      size_(end - first - series_->options.horizon + 1) {}

Batch CsvDataset::batch(std::span<const int64_t> indices, int64_t) const {
  const CsvSeries& s = *series_;
  const auto n = static_cast<int64_t>(indices.size());
  const int64_t features = s.inputs.width() + 1, values = s.targets.width();
  Batch batch;
  batch.inputs = Tensor::empty({n, s.steps(), features}, DType::f32, host);
  batch.targets = Tensor::empty({n, s.options.horizon, values}, DType::f32, host);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t row = first_ + indices[static_cast<size_t>(i)];
    s.write_inputs(s.inputs.row(row - s.options.length),
                   batch.inputs.data<float>() + i * s.steps() * features);
    const int64_t count = s.options.horizon * values;
    std::copy_n(s.targets.row(row), count, batch.targets.data<float>() + i * count);
  }
  return batch;
}

Tensor CsvDataset::inputs_after(const std::string& text, const std::string& file) const {
  const CsvSeries& s = *series_;
  const int64_t length = s.options.length, width = s.inputs.width();
  const CsvTable table = parse_csv(text, file,
                                   {.columns = s.inputs.names,
                                    .ignored = {},
                                    .missing = missing_policy(s.options.nan),
                                    .remedy = missing_remedy});
  if (table.rows < length)
    throw Error(
        str(file, ": error: ", table.rows, " rows, expected at least data.length = ", length),
        ErrorKind::data);
  std::vector<float> rows;
  for (int64_t r = table.rows - length; r < table.rows; ++r)
    for (int64_t c = 0; c < width; ++c)
      rows.push_back(s.inputs.scales[static_cast<size_t>(c)].apply(table(r, c)));
  Tensor inputs = Tensor::empty({1, s.steps(), width + 1}, DType::f32, host);
  s.write_inputs(rows.data(), inputs.data<float>());
  return inputs;
}

const std::vector<std::string>& CsvDataset::targets() const { return series_->targets.names; }

double CsvDataset::in_units_of_file(double value, int64_t target) const {
  const CsvSeries::Scale& scale = series_->targets.scales[static_cast<size_t>(target)];
  return value * scale.deviation + scale.mean;
}

}  // namespace lw
