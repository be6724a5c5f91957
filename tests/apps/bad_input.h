// The program given bad input: each case is a table's row, run as a user's shell runs it.
//
// Every case starts from a fresh copy of one folder: four configs, their data, and a run of three of
// them. `setup` spoils something in it, `call` is what is typed after `longwave`. The program must
// refuse with the exit code and the very message of the row, in the form `place: error: text`, print
// nothing on stdout, and leave the folder as it was: no run that is begun and given up.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "tests/temporary_folder.h"

namespace lw {

struct BadInputCase {
  const char* setup;    ///< shell commands
  const char* call;     ///< arguments of longwave, as a shell reads them
  int code;             ///< the exit code
  const char* message;  ///< all that stderr holds, as comparable() gives it
};

class BadInput : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    base_ = std::make_unique<TemporaryFolder>();
    const auto write = [](const std::string& name, const std::string& bytes) {
      make_directories((*base_ / name).parent_path());
      write_file(*base_ / name, bytes);
    };
    const std::string tail = "optim: {kind: adamw}\nsample: {tokens: 0}\n";
    write("digits.yaml",
          "name: digits\ndata: {kind: digits, size: 8, train: 20, validation: 5, test: 5}\n"
          "model: {layer: s4d, d_model: 4, n_layers: 1}\ntrain: {steps: 2, batch: 4}\n" +
              tail);
    write(
        "text.yaml",
        "name: text\ndata: {kind: text, root: ., files: [input.txt], length: 8, validation: 0.2}\n"
        "model: {layer: mamba1, d_model: 4, n_layers: 1}\ntrain: {steps: 1, batch: 1}\n" +
            tail);
    write("series.yaml",
          "name: series\ndata: {kind: csv, root: ., file: series.csv, targets: [y], length: 6, "
          "horizon: 3}\n"
          "model: {layer: s4d, d_model: 4, n_layers: 1}\ntrain: {steps: 1, batch: 4}\n" +
              tail);
    write("mnist.yaml",
          "name: mnist\ndata: {kind: mnist, root: mnist}\n"
          "model: {layer: s4d, d_model: 4, n_layers: 1}\ntrain: {steps: 1, batch: 1}\n" +
              tail);
    const std::string lines = "one two three\nfour five six\nseven eight\n";
    write("input.txt", lines + lines);
    std::string series = "date,x,y\n";
    for (int i = 0; i < 40; ++i) series += str("day ", i, ",", i, ",", 100 + i % 5, "\n");
    write("series.csv", series);
    for (const auto& [prefix, count] : {std::pair("train", 3), std::pair("t10k", 2)}) {
      write(str("mnist/", prefix, "-images-idx3-ubyte"), idx({count, 4, 4}));
      write(str("mnist/", prefix, "-labels-idx1-ubyte"), idx({count}));
    }
    for (const char* name : {"digits", "text", "series"})
      ASSERT_EQ(shell(base_->path(),
                      str("longwave train ", name, ".yaml --run-dir ", name, " -q > out 2>&1")),
                0)
          << read_file(*base_ / "out");
    std::filesystem::remove(*base_ / "out");
  }
  static void TearDownTestSuite() { base_.reset(); }

  static void expect_refused(const BadInputCase& bad) {
    SCOPED_TRACE(str(bad.setup, "\n$ longwave ", bad.call));
    namespace fs = std::filesystem;
    const TemporaryFolder scratch;
    const Path folder = scratch / "work";
    fs::copy(base_->path(), folder, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    ASSERT_EQ(shell(folder, bad.setup), 0);
    const std::map<std::string, int64_t> before = files_of(folder);
    const int code =
        shell(folder, str("exec longwave ", bad.call, " < /dev/null > ../out 2> ../err"));

    EXPECT_EQ(code, bad.code);
    EXPECT_EQ(read_file(scratch / "out"), "");
    const std::string message = comparable(read_file(scratch / "err"), folder);
    EXPECT_EQ(message, bad.message);
    EXPECT_TRUE(std::regex_search(message, std::regex("^[^\n]+: error: [^\n]+\n"))) << message;
    EXPECT_EQ(files_of(folder), before);
  }
  template <size_t n>
  static void expect_refused(const BadInputCase (&table)[n]) {
    for (const BadInputCase& bad : table) expect_refused(bad);
  }

  /// An idx file of the bytes 0, 1, 2, ...
  static std::string idx(const std::vector<int>& sizes) {
    std::string bytes{0, 0, 8, static_cast<char>(sizes.size())};
    int count = 1;
    for (const int size : sizes) bytes += {0, 0, 0, static_cast<char>(size)}, count *= size;
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(i);
    return bytes;
  }

  /// A message without what is not the case's: the folder, lists of names that grow, sizes of files.
  static std::string comparable(std::string message, const Path& folder) {
    for (size_t at; (at = message.find(folder.string())) != std::string::npos;)
      message.replace(at, folder.string().size(), "$DIR");
    static const std::regex names("(kinds of \\w+|kinds|keys here|ops): [^)\n]*");
    static const std::regex size("bytes, expected \\d+");
    static const std::regex asked("\\d+ bytes were asked for while tensors hold \\d+");
    static const std::regex sanitizer("==\\d+==WARNING: AddressSanitizer failed to allocate .*\n");
    message = std::regex_replace(message, sanitizer, "");
    message = std::regex_replace(message, names, "$1: ...");
    message = std::regex_replace(message, asked, "... bytes were asked for while tensors hold ...");
    return std::regex_replace(message, size, "bytes, expected ...");
  }

  /// The exit status of `command` in `folder`, or minus the signal that ended it.
  static int shell(const Path& folder, const std::string& command) {
    const std::string program = Path(LW_PROGRAM).parent_path().string();
    const std::string whole = "cd '" + folder.string() +
                              "' && unset LONGWAVE_DATA && export OMP_NUM_THREADS=1 PATH='" +
                              program + "':\"$PATH\"\n" + command;
    const int status = std::system(whole.c_str());
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  /// Every file and folder below `folder`, with the sizes of the files.
  static std::map<std::string, int64_t> files_of(const Path& folder) {
    std::map<std::string, int64_t> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      found[entry.path().string()] =
          entry.is_regular_file() ? static_cast<int64_t>(entry.file_size()) : 0;
    return found;
  }

  static inline std::unique_ptr<TemporaryFolder> base_;
};

}  // namespace lw
