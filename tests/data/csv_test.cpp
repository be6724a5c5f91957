#include "data/csv.h"

#include <cmath>
#include <numeric>

#include "core/files.h"
#include "data/csv_table.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

/// A series of `rows` rows: `up` counts, `down` counts backwards, `flat` is 7.
std::string series(int64_t rows) {
  std::string text = "date,up,down,flat\n";
  for (int64_t r = 0; r < rows; ++r) text += str("2026-01-", r, ",", r, ",", -r, ",7\n");
  return text;
}

class CsvFiles : public testing::Test {
 protected:
  DataSource open(const std::string& text, CsvOptions options) const {
    write_file(folder_ / "s.csv", text);
    Datasets::Choice choice(datasets());
    choice.choose("csv");
    options.file = "s.csv";
    choice.as<CsvOptions>() = options;
    return choice.build({.root = folder_.path().string()});
  }
  std::string failure(ErrorKind kind, const std::string& text, const CsvOptions& options) const {
    std::string message = error_of(kind, [&] { open(text, options); });
    const std::string folder = folder_.path().string() + "/";
    for (size_t at; (at = message.find(folder)) != std::string::npos;)
      message.erase(at, folder.size());
    return message;
  }
  TemporaryFolder folder_;
};

CsvTable parse(const std::string& text, const CsvSelection& selection = {}) {
  return parse_csv(text, "f.csv", selection);
}

TEST(CsvTable, ReadsRfc4180) {
  const CsvTable table = parse(
      "\xef\xbb\xbf\"a \"\"x\"\", 1\",b,c\r\n1,\" 2.5 \",\"two\nlines\"\r\n\r\n+3e2,-4,\"\"\"\"",
      {.columns = {"b", "a \"x\", 1"}});
  EXPECT_EQ(table.names, (std::vector<std::string>{"b", "a \"x\", 1"}));
  EXPECT_EQ(table.rows, 2);
  EXPECT_EQ(table.values, (std::vector<double>{2.5, 1, -4, 300}));
}

TEST(CsvTable, LeavesOutIgnoredColumns) {
  const CsvTable table = parse("date,x,y\nsome day,1,2\n", {.ignored = {"date"}});
  EXPECT_EQ(table.names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(table.values, (std::vector<double>{1, 2}));
}

TEST(CsvTable, MissingValuesAreDroppedOrCarriedForward) {
  const std::string text = "a,b\n1,2\n,3\nNaN,NULL\n4,na\n5,6\n";
  EXPECT_EQ(parse(text, {.missing = MissingValue::drop}).values, (std::vector<double>{1, 2, 5, 6}));
  EXPECT_EQ(parse(text, {.missing = MissingValue::forward}).values,
            (std::vector<double>{1, 2, 1, 3, 1, 3, 4, 3, 5, 6}));
}

TEST(CsvTable, MalformedFilesAreRefused) {
  const struct {
    std::string text, error;
    CsvSelection selection = {};
  } table[] = {
      {"", "f.csv:1: error: the file is empty; expected a first line that names the columns"},
      {"\n\n", "f.csv:1: error: the file is empty; expected a first line that names the columns"},
      {"a,,c\n", "f.csv:1:2: error: this column has no name"},
      {"a,b,a\n", "f.csv:1:3: error: a second column is named `a`"},
      {"date\n1\n",
       "f.csv:1: error: no column is left beside those of data.ignore",
       {.ignored = {"date"}}},
      {"HUFL,OT\n",
       "f.csv:1: error: there is no column `OTT`\n  did you mean `OT`?",
       {.columns = {"OTT"}}},
      {"a,b\n1,2\n3\n", "f.csv:3: error: expected 2 fields, as the first line has, received 1"},
      {"a,b\n1,2,3\n", "f.csv:2: error: expected 2 fields, as the first line has, received 3"},
      {"a,b\n1,2\n3,four\n", "f.csv:3:2: error: column `b`: expected a number, received `four`"},
      {"a\n1,5\n", "f.csv:2: error: expected 1 fields, as the first line has, received 2"},
      {"a\n0x10\n", "f.csv:2:1: error: column `a`: expected a number, received `0x10`"},
      {"a\n1 2\n", "f.csv:2:1: error: column `a`: expected a number, received `1 2`"},
      {"a\ninf\n",
       "f.csv:2:1: error: column `a`: expected a number that is finite as f32, received `inf`"},
      {"a\n1e39\n",
       "f.csv:2:1: error: column `a`: expected a number that is finite as f32, received `1e39`"},
      {"a\n1e999\n",
       "f.csv:2:1: error: column `a`: expected a number that is finite as f32, received `1e999`"},
      {"a,b\n1,\n", "f.csv:2:2: error: column `b`: the value is missing"},
      {"a,b\n1,\n",
       "f.csv:2:2: error: column `b`: the value is missing\n  this helps",
       {.remedy = "\n  this helps"}},
      {"a,b\nnan,1\n",
       "f.csv:2:1: error: column `a`: the value is missing, and no row above has one to repeat",
       {.missing = MissingValue::forward}},
      {"a,b\n1,2\n3,\"4\n", "f.csv:3:2: error: the quote that opens this field is never closed"},
      {"a,b\n\"1\"2,3\n",
       "f.csv:2:1: error: expected a comma or the end of the line after the closing quote, found "
       "`2`"},
      {"a,b\n1,2\"3\n", "f.csv:2:2: error: a quote inside a field that does not start with one"},
      {"a,b\n\"x\ny\",1\n", "f.csv:2:1: error: column `a`: expected a number, received `x\ny`"},
      {"a,x\n1,\"\n\n\"\n2\n",
       "f.csv:5: error: expected 2 fields, as the first line has, received 1",
       {.ignored = {"x"}}},
      {"a\n" + std::string(longest_csv_row + 2, '1'),
       "f.csv:2: error: the row is longer than 1048576 bytes"},
  };
  for (const auto& [text, error, selection] : table) {
    SCOPED_TRACE(text.substr(0, 40));
    EXPECT_EQ(error_of(ErrorKind::data, [&] { parse(text, selection); }), error);
  }
}

TEST_F(CsvFiles, AWindowGivesTheRowsBeforeAndAsksForTheRowsAfter) {
  const DataSource source = open(series(40), {.columns = {"up", "flat"},
                                              .targets = {"down"},
                                              .length = 4,
                                              .horizon = 2,
                                              .standardize = false});
  EXPECT_EQ(source.task.features, 3);
  EXPECT_EQ(source.task.length, 6);
  EXPECT_EQ(source.task.classes, 1);
  EXPECT_EQ(source.task.horizon, 2);
  EXPECT_EQ(source.task.target, Task::Target::value);
  const Batch batch = source.train->batch(std::array<int64_t, 2>{0, 5}, 0);
  EXPECT_EQ(batch.inputs.select(0, 1).to_vector(),
            (std::vector<double>{5, 7, 0, 6, 7, 0, 7, 7, 0, 8, 7, 0, 0, 0, 1, 0, 0, 1}));
  EXPECT_EQ(batch.targets.shape(), (Shape{2, 2, 1}));
  EXPECT_EQ(batch.targets.to_vector(), (std::vector<double>{-4, -5, -9, -10}));
}

TEST_F(CsvFiles, EverySplitHoldsItsOwnHorizons) {
  const DataSource source =
      open(series(40), {.targets = {"up"}, .length = 4, .horizon = 2, .standardize = false});
  EXPECT_EQ(source.train->size(), 23);  // 28 rows, horizons start at rows 4 to 26
  EXPECT_EQ(source.val->size(), 3);     // rows 28 to 31
  EXPECT_EQ(source.test->size(), 7);    // rows 32 to 39
  const auto targets = [](const Dataset& split, int64_t index) {
    return split.batch(std::array{index}, 0).targets.to_vector();
  };
  EXPECT_EQ(targets(*source.train, 22), (std::vector<double>{26, 27}));
  EXPECT_EQ(targets(*source.val, 0), (std::vector<double>{28, 29}));
  EXPECT_EQ(targets(*source.val, 2), (std::vector<double>{30, 31}));
  EXPECT_EQ(targets(*source.test, 6), (std::vector<double>{38, 39}));
}

TEST_F(CsvFiles, BordersReplaceShares) {
  const DataSource source = open(series(40), {.length = 4, .horizon = 2, .borders = {10, 10, 20}});
  EXPECT_EQ(source.train->size(), 5);
  EXPECT_EQ(source.val, nullptr);
  EXPECT_EQ(source.test->size(), 9);
}

TEST_F(CsvFiles, StandardisesByTheTrainingRowsAlone) {
  const DataSource source = open(series(40), {.length = 4, .horizon = 2, .borders = {20, 30}});
  const double mean = 9.5, deviation = std::sqrt((20.0 * 20 - 1) / 12);
  const std::vector<double> first =
      source.test->batch(std::array<int64_t, 1>{0}, 0).inputs.to_vector();
  EXPECT_NEAR(first[0], (26 - mean) / deviation, 1e-6);
  EXPECT_NEAR(first[1], (-26 + mean) / deviation, 1e-6);
  EXPECT_EQ(first[2], 0);  // constant: only centred
  const auto& test = dynamic_cast<const CsvDataset&>(*source.test);
  const std::vector<double> targets = test.batch(std::array<int64_t, 1>{0}, 0).targets.to_vector();
  EXPECT_NEAR(test.in_units_of_file(targets[0], 0), 30, 1e-5);
  EXPECT_NEAR(test.in_units_of_file(targets[5], 2), 7, 1e-5);
}

TEST_F(CsvFiles, ForecastsStartAtTheEndOfAnotherFile) {
  const DataSource source = open(
      series(40), {.columns = {"flat", "up"}, .length = 2, .horizon = 1, .standardize = false});
  const auto& split = dynamic_cast<const CsvDataset&>(*source.train);
  EXPECT_EQ(split.targets(), (std::vector<std::string>{"flat", "up"}));
  EXPECT_EQ(split.inputs_after("up,flat\n1,2\n3,4\n5,6\n", "n.csv").to_vector(),
            (std::vector<double>{4, 3, 0, 6, 5, 0, 0, 0, 1}));
  EXPECT_EQ(error_of(ErrorKind::data, [&] { split.inputs_after("up,flat\n1,2\n", "n.csv"); }),
            "n.csv: error: 1 rows, expected at least data.length = 2");
}

TEST_F(CsvFiles, SplitsThatCannotBeAreRefused) {
  const struct {
    ErrorKind kind;
    CsvOptions options;
    std::string error;
  } table[] = {
      {ErrorKind::data,
       {.length = 30, .horizon = 2},
       "s.csv: error: the training part has 28 rows, too few for data.length = 30 and data.horizon "
       "= 2"},
      {ErrorKind::data,
       {.length = 8, .horizon = 5},
       "s.csv: error: the validation part has 4 rows, too few for data.horizon = 5"},
      {ErrorKind::data,
       {.length = 8, .horizon = 5, .validation = 0.5, .test = 0.1},
       "s.csv: error: the test part has 4 rows, too few for data.horizon = 5"},
      {ErrorKind::usage,
       {.validation = 0.5, .test = 0.5},
       "data.validation + data.test is 1, which leaves no rows for training"},
      {ErrorKind::usage,
       {.borders = {10}},
       "data.borders: expected two or three rows, the ends of training, validation and test, "
       "received 1"},
      {ErrorKind::usage,
       {.borders = {20, 10, 30}},
       "data.borders: expected rows that do not decrease, received 20, 10, 30"},
      {ErrorKind::data,
       {.borders = {10, 20, 41}},
       "s.csv: error: 40 rows, but data.borders ends at row 41"},
      {ErrorKind::data,
       {.columns = {"up"}, .targets = {"flatt"}},
       "s.csv:1: error: there is no column `flatt`\n  did you mean `flat`?"},
      {ErrorKind::usage,
       {.targets = {"date"}},
       "data.targets: `date` is not among the columns that s.csv is read for"},
  };
  for (const auto& [kind, options, error] : table)
    EXPECT_EQ(failure(kind, series(40), options), error);
}

TEST_F(CsvFiles, AMissingFileIsNamed) {
  Datasets::Choice choice(datasets());
  choice.choose("csv");
  choice.as<CsvOptions>().file = (folder_ / "none.csv").string();
  EXPECT_EQ(error_of(ErrorKind::data, [&] { choice.build({}); }),
            (folder_ / "none.csv").string() + ": error: cannot open: No such file or directory");
}

TEST_F(CsvFiles, TheFingerprintTellsTheRowsAndTheOptions) {
  const CsvOptions plain{.targets = {"up"}, .length = 3, .horizon = 2};
  const std::string fingerprint = open(series(40), plain).fingerprint;
  EXPECT_EQ(open(series(40), plain).fingerprint, fingerprint);
  EXPECT_NE(open(series(41), plain).fingerprint, fingerprint);
  std::vector<CsvOptions> others(7, plain);
  others[0].targets = {"down"};
  others[1].columns = {"down", "up", "flat"};
  others[2].length = 4;
  others[3].horizon = 3;
  others[4].validation = 0.2;
  others[5].test = 0.3;
  others[6].standardize = false;
  for (size_t i = 0; i < others.size(); ++i)
    EXPECT_NE(open(series(40), others[i]).fingerprint, fingerprint) << i;
}

TEST(Csv, ReadsEtt) {
  const char* data = std::getenv("LONGWAVE_DATA");
  const Path file = Path(data == nullptr ? "" : data) / "ett" / "ETTh1.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no ett/ETTh1.csv below $LONGWAVE_DATA";
  Datasets::Choice choice(datasets());
  choice.choose("csv");
  choice.as<CsvOptions>() = {.file = "ETTh1.csv",
                             .targets = {"OT"},
                             .length = 336,
                             .horizon = 24,
                             .borders = {8640, 11520, 14400}};
  const DataSource source = choice.build({});
  EXPECT_EQ(source.task.features, 8);
  EXPECT_EQ(source.train->size(), 8640 - 336 - 24 + 1);
  EXPECT_EQ(source.val->size(), 2880 - 24 + 1);
  EXPECT_EQ(source.test->size(), 2880 - 24 + 1);
  const Batch batch = source.test->batch(std::array<int64_t, 1>{2856}, 0);
  EXPECT_TRUE(batch.inputs.all_finite());
  EXPECT_EQ(batch.targets.shape(), (Shape{1, 24, 1}));
}

}  // namespace
}  // namespace lw
