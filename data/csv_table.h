// CsvTable: columns of numbers from a CSV file.
//
// The format is RFC 4180: fields between commas, lines that end in LF or CR LF, a field in quotes
// may hold commas, line ends and doubled quotes. The first line names the columns. Empty lines and
// a byte order mark are skipped, blanks around a number too. Numbers are decimal with a point. A
// field that is empty or reads nan, na or null (in any case) is missing.
//
// Errors: Error of ErrorKind::data, `FILE:LINE: error: …` or, of one field, `FILE:LINE:FIELD: error:
// …`; both count from 1, and a row that spans lines is named by its first. Cost: one pass.
// Reference: RFC 4180.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lw {

struct CsvTable {
  std::vector<std::string> names;  ///< of the columns
  int64_t rows = 0;
  std::vector<double> values;  ///< [row][column]

  int64_t columns() const { return static_cast<int64_t>(names.size()); }
  double operator()(int64_t row, int64_t column) const {
    return values[static_cast<size_t>(row * columns() + column)];
  }
};

/// What becomes of a missing value.
enum class MissingValue {
  error,    ///< the file is refused
  drop,     ///< the row is left out; the rows around it become neighbours
  forward,  ///< the value of the row above stands in
};

/// Which columns are read, and how. The fields of other columns may hold anything.
struct CsvSelection {
  std::vector<std::string> columns;  ///< in this order; empty: all but `ignored`
  std::vector<std::string> ignored;
  MissingValue missing = MissingValue::error;
  const char* remedy = "";  ///< for a missing value that is an error: a line of the message
};

inline constexpr int64_t longest_csv_row = int64_t{1} << 20;  ///< bytes

/// Reads `text`, the content of `file`.
CsvTable parse_csv(std::string_view text, const std::string& file, const CsvSelection& selection);

}  // namespace lw
