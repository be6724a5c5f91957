#include "data/csv_table.h"

#include <algorithm>
#include <cctype>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/error.h"

namespace lw {
namespace {

/// Where an error is: a line of the file, and a field of it (0: the whole line).
struct Place {
  const std::string& file;
  int64_t line = 0;
  size_t field = 0;

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw Error(str(file, ":", line, field > 0 ? str(":", field) : "", ": error: ", parts...),
                ErrorKind::data);
  }
};

/// The rows of a file, one after the other.
class Rows {
 public:
  Rows(std::string_view text, const std::string& file) : text_(text), file_(file) {
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
  }

  /// Reads the next row that is not empty; false at the end of the file.
  bool next() {
    while (at_ < text_.size() && end_line()) {
    }
    if (at_ == text_.size()) return false;
    line_ = next_line_;
    start_ = at_;
    fields_.clear();
    do fields_.push_back(text_.substr(at_, 1) == "\"" ? quoted() : plain());
    while (comma());
    return true;
  }

  const std::vector<std::string>& fields() const { return fields_; }
  Place place(size_t field = 0) const { return {file_, line_, field}; }

 private:
  bool end_line() {
    const size_t length = text_.substr(at_, 2) == "\r\n" ? 2 : text_[at_] == '\n' ? 1 : 0;
    at_ += length;
    next_line_ += length > 0;
    return length > 0;
  }

  /// After a field: true if a comma follows, false if the line or the file ends.
  bool comma() {
    if (at_ == text_.size() || end_line()) return false;
    if (text_[at_] != ',')
      place(fields_.size())
          .fail("expected a comma or the end of the line after the closing quote, found `",
                text_[at_], "`");
    ++at_;
    return true;
  }

  void check_length() const {
    if (static_cast<int64_t>(at_ - start_) > longest_csv_row)
      place().fail("the row is longer than ", longest_csv_row, " bytes");
  }

  std::string plain() {
    const size_t begin = at_;
    for (; at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n'; ++at_) {
      check_length();
      if (text_.substr(at_, 2) == "\r\n") break;
      if (text_[at_] == '"')
        place(fields_.size() + 1).fail("a quote inside a field that does not start with one");
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted() {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      check_length();
      if (text_[at_] == '"') {
        ++at_;
        if (text_.substr(at_, 1) != "\"") return value;
      }
      next_line_ += text_[at_] == '\n';
      value += text_[at_];
    }
    place(fields_.size() + 1).fail("the quote that opens this field is never closed");
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0, start_ = 0;
  int64_t line_ = 1, next_line_ = 1;
  std::vector<std::string> fields_;
};

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_missing(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower.empty() || lower == "nan" || lower == "na" || lower == "null";
}

/// The number in a field, or nothing if it is missing.
std::optional<double> number(std::string_view field, const Place& place, const std::string& name) {
  std::string_view text = trimmed(field);
  if (is_missing(text)) return {};
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, value);
  if (code == std::errc::invalid_argument || rest != end)
    place.fail("column `", name, "`: expected a number, received `", field.substr(0, 40), "`");
  if (code != std::errc() || !(std::abs(value) <= FLT_MAX))
    place.fail("column `", name, "`: expected a number that is finite as f32, received `",
               field.substr(0, 40), "`");
  return value;
}

/// The place in the header of each selected column.
std::vector<size_t> find_columns(const Rows& header, const CsvSelection& selection) {
  const std::vector<std::string>& names = header.fields();
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) header.place(i + 1).fail("this column has no name");
    if (std::find(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) !=
        names.begin() + static_cast<std::ptrdiff_t>(i))
      header.place(i + 1).fail("a second column is named `", names[i], "`");
  }
  std::vector<size_t> found;
  if (selection.columns.empty()) {
    for (size_t i = 0; i < names.size(); ++i)
      if (std::find(selection.ignored.begin(), selection.ignored.end(), names[i]) ==
          selection.ignored.end())
        found.push_back(i);
    if (found.empty()) header.place().fail("no column is left beside those of data.ignore");
    return found;
  }
  for (const std::string& name : selection.columns) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      const std::string near = did_you_mean(name, names);
      header.place().fail("there is no column `", name, "`",
                          near.empty() ? "" : "\n  did you mean `" + near + "`?");
    }
    found.push_back(static_cast<size_t>(at - names.begin()));
  }
  return found;
}

}  // namespace

CsvTable parse_csv(std::string_view text, const std::string& file, const CsvSelection& selection) {
  Rows rows(text, file);
  if (!rows.next())
    rows.place().fail("the file is empty; expected a first line that names the columns");
  const std::vector<size_t> chosen = find_columns(rows, selection);
  const size_t width = rows.fields().size();
  CsvTable table;
  for (const size_t column : chosen) table.names.push_back(rows.fields()[column]);

  while (rows.next()) {
    if (rows.fields().size() != width)
      rows.place().fail("expected ", width, " fields, as the first line has, received ",
                        rows.fields().size());
    const size_t begin = table.values.size();
    for (size_t i = 0; i < chosen.size(); ++i) {
      const Place place = rows.place(chosen[i] + 1);
      std::optional<double> value = number(rows.fields()[chosen[i]], place, table.names[i]);
      if (!value && selection.missing == MissingValue::error)
        place.fail("column `", table.names[i], "`: the value is missing", selection.remedy);
      if (!value && selection.missing == MissingValue::forward) {
        if (table.rows == 0)
          place.fail("column `", table.names[i],
                     "`: the value is missing, and no row above has one to repeat");
        value = table.values[table.values.size() - chosen.size()];
      }
      if (!value) break;
      table.values.push_back(*value);
    }
    if (table.values.size() - begin == chosen.size())
      ++table.rows;
    else
      table.values.resize(begin);
  }
  return table;
}

}  // namespace lw
