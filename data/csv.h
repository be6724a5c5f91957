// CSV series: forecasting. Given the last `length` rows of some columns, the next `horizon` rows of
// the target columns are to be told.
//
// A sample is one window of length + horizon rows; with C columns read and V targets,
//
//   inputs   f32 [batch, length + horizon, C + 1]
//            step t < length: the C values of row t, then 0
//            step t >= length: C zeros (the mean of the training rows), then 1: forecast here
//   targets  f32 [batch, horizon, V]: the values of the last `horizon` rows
//
// Columns are standardised, inputs and targets, x' = (x - mean) / deviation, with mean and
// (population) deviation of the training rows alone; a column that is constant there is only
// centred. So the loss is in units of the training deviation, as in the published forecasting
// results.
//
// Splits are consecutive rows: training, validation, test, by shares of the rows or by borders. A
// window belongs to the split that holds all rows of its horizon; its inputs reach back into the
// split before. Every row at which a horizon can start gives a window, so neighbours overlap.
//
// Errors: Error of ErrorKind::data naming file, line and field (data/csv_table.h). Reference: Zhou
// et al. 2021, arXiv:2012.07436, whose splits of ETTh1 are the borders 8640, 11520, 14400.
#pragma once

#include <filesystem>

#include "data/dataset.h"

namespace lw {

struct CsvOptions {
  std::string file;                  ///< below the root
  std::vector<std::string> columns;  ///< read as inputs; empty: all but `ignore`
  std::vector<std::string> targets;  ///< forecast; empty: the columns
  std::vector<std::string> ignore = {"date", "time", "timestamp"};
  int64_t length = 96;
  int64_t horizon = 24;
  double validation = 0.1;  ///< shares of the rows; the rest is for training
  double test = 0.2;
  std::vector<int64_t> borders;  ///< rows where training, validation and test end; empty: shares
  bool standardize = true;
  std::string nan = "error";

  void describe(Fields& f);
};

/// The series that the splits of a source share.
struct CsvSeries;

/// One split of a series.
class CsvDataset final : public Dataset {
 public:
  /// The windows whose horizon lies within the rows [first, end).
  CsvDataset(std::shared_ptr<const CsvSeries> series, int64_t first, int64_t end);

  int64_t size() const override { return size_; }
  Batch batch(std::span<const int64_t> indices, int64_t epoch) const override;

  /// The inputs, f32 [1, length + horizon, C + 1], with which the rows that follow the last one of
  /// another file are forecast. The file needs no target columns.
  Tensor inputs_after(const std::string& text, const std::string& file) const;
  const std::vector<std::string>& targets() const;
  /// A forecast of target `target` in the units of the file.
  double in_units_of_file(double value, int64_t target) const;

 private:
  std::shared_ptr<const CsvSeries> series_;
  int64_t first_;  // row at which the horizon of window 0 starts
  int64_t size_;
};

}  // namespace lw
