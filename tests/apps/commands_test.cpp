// The commands that look at things: data, ckpt, doctor, predict, as the command line calls them.
#include "apps/commands.h"

#include <cmath>
#include <cstdlib>

#include "apps/checkpoint.h"
#include "apps/cli.h"
#include "apps/run.h"
#include "core/config.h"
#include "core/device_runtime.h"
#include "core/json.h"
#include "core/parallel.h"
#include "data/images.h"
#include "tests/apps/checkpoint_sample.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

struct Answer {
  int code;
  std::string out, err;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> lines;
  for (const std::string& line : lines_of(text)) lines.push_back(parse_json(line, "stdout"));
  return lines;
}

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("LONGWAVE_DATA");
    if (data != nullptr) data_ = data;
    ::unsetenv("LONGWAVE_DATA");
  }
  void TearDown() override {
    if (!data_.empty()) ::setenv("LONGWAVE_DATA", data_.c_str(), 1);
  }

  /// Runs `longwave ARGUMENTS`; the test's folder is left out of what it writes.
  Answer run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "longwave");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Answer answer{};
    answer.code = run_cli(static_cast<int>(argv.size()), argv.data());
    answer.out = without_folder(testing::internal::GetCapturedStdout());
    answer.err = without_folder(testing::internal::GetCapturedStderr());
    return answer;
  }
  std::string without_folder(std::string text) const {
    const std::string folder = folder_.path().string() + "/";
    for (size_t at; (at = text.find(folder)) != std::string::npos;) text.erase(at, folder.size());
    return text;
  }
  std::string in_folder(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& bytes) const {
    write_file(folder_ / name, bytes);
  }
  void flip_byte(const Path& name) const {
    std::string bytes = read_file(folder_ / name);
    bytes[bytes.size() / 2] ^= 1;
    write_file(folder_ / name, bytes);
  }

  /// A config of a small model on these data, and the run of it, saved before the first step.
  void make_run(const std::string& name, const std::string& data) const {
    write(name + ".yaml", "name: " + name + "\nmodel: {layer: mamba1, d_model: 4, n_layers: 1}\n" +
                              "optim: {kind: adamw}\ntrain: {steps: 1}\ndata:\n  root: " +
                              folder_.path().string() + data);
    CheckpointContent content;
    const RunConfig config = load_config(folder_ / (name + ".yaml"), {}, &content.config);
    const DataSource source = open_data(config);
    const std::unique_ptr<Model> model = make_model(config, source.task);
    for (const Parameter& p : model->parameters())
      content.params[p.name] = {p.value.value(), {{"role", std::string(name_of(p.role))}}};
    content.optimizer.type = "adamw";
    save_checkpoint(folder_ / name, content);
  }
  void make_digits() const {
    make_run("digits", "\n  kind: digits\n  size: 8\n  train: 20\n  validation: 5\n  test: 5\n");
  }
  void make_text() const {
    write("input.txt", "one two three\nfour five six\nseven eight\n");
    make_run("text", "\n  kind: text\n  length: 8\n  validation: 0.2\n");
  }
  void make_series() const {
    std::string text = "date,x,y\n";
    for (int i = 0; i < 40; ++i) text += str("day ", i, ",", i, ",", 100 + i % 5, "\n");
    write("series.csv", text);
    make_run("series",
             "\n  kind: csv\n  file: series.csv\n  targets: [y]\n  length: 6\n  horizon: 3\n");
  }

  TemporaryFolder folder_;
  Path data_;  // what LONGWAVE_DATA was
};

/// An idx file of images, all of one brightness.
std::string idx_images(int count, int size, char brightness) {
  std::string bytes{0, 0, 8, 3};
  for (const int n : {count, size, size}) bytes += {0, 0, 0, static_cast<char>(n)};
  return bytes + std::string(static_cast<size_t>(count * size * size), brightness);
}

// ckpt

TEST_F(Commands, CheckpointsAreListed) {
  for (const int64_t step : {10, 20, 30})
    save_checkpoint(folder_ / "run", sample_content(step), {.keep_last = 0, .best = step == 20});
  flip_byte("run/ckpt/step-00000030/state.h5");
  const std::string bad = "state.h5: damaged: its SHA-256 is not the manifest's";
  const std::vector<Json> lines = json_lines(run({"ckpt", "ls", in_folder("run"), "--json"}).out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1]["step"], 20);
  EXPECT_EQ(lines[1]["ok"], true);
  EXPECT_EQ(lines[1]["best"], true);
  EXPECT_EQ(lines[1]["latest"], false);
  EXPECT_EQ(lines[1]["path"], "run/ckpt/step-00000020");
  EXPECT_GT(lines[1]["bytes"], 1000);
  EXPECT_EQ(lines[2]["ok"], false);
  EXPECT_EQ(lines[2]["latest"], true);
  EXPECT_TRUE(std::string(lines[2]["problem"]).starts_with(bad));

  const std::vector<std::string> text = lines_of(run({"ckpt", "ls", in_folder("run")}).out);
  ASSERT_EQ(text.size(), 4u);
  EXPECT_EQ(text[0], "      step        size  state");
  EXPECT_TRUE(text[2].ends_with("good, best")) << text[2];
  EXPECT_NE(text[3].find("bad: " + bad), std::string::npos) << text[3];
  EXPECT_TRUE(text[3].ends_with(", latest")) << text[3];
}

TEST_F(Commands, VerifyNamesEveryDamagedFile) {
  for (const int64_t step : {1, 2}) save_checkpoint(folder_ / "run", sample_content(step));
  const Answer good = run({"ckpt", "verify", in_folder("run")});
  EXPECT_EQ(good.code, 0);
  EXPECT_EQ(good.out, "2 checkpoints verified\n");
  EXPECT_EQ(good.err, "");
  for (const char* one : {"run/ckpt/step-00000001", "run/ckpt/step-00000001/", "run/ckpt/latest"})
    EXPECT_EQ(run({"ckpt", "verify", in_folder(one)}).out, "1 checkpoints verified\n") << one;

  remove_tree(folder_ / "run/ckpt/step-00000002/state.h5");
  flip_byte("run/ckpt/step-00000002/optim-0000-of-0001.h5");
  flip_byte("run/ckpt/step-00000001/MANIFEST.json");
  const Answer bad = run({"ckpt", "verify", in_folder("run")});
  EXPECT_EQ(bad.code, 3);
  EXPECT_EQ(bad.out, "");
  const std::vector<std::string> lines = lines_of(bad.err);
  ASSERT_EQ(lines.size(), 3u) << bad.err;
  EXPECT_TRUE(lines[0].starts_with("run/ckpt/step-00000001/MANIFEST.json: error: ")) << lines[0];
  EXPECT_TRUE(
      lines[1].starts_with("run/ckpt/step-00000002/optim-0000-of-0001.h5: error: damaged: "
                           "its SHA-256 is not the manifest's"))
      << lines[1];
  EXPECT_EQ(lines[2],
            "run/ckpt/step-00000002/state.h5: error: cannot open: No such file or directory");

  const Answer json = run({"ckpt", "verify", in_folder("run/ckpt/step-00000001"), "--json"});
  EXPECT_EQ(json.code, 3);
  ASSERT_EQ(json_lines(json.out).size(), 1u);
  EXPECT_EQ(json_lines(json.out)[0]["problems"][0]["file"], "MANIFEST.json");
}

TEST_F(Commands, InspectShowsWhatACheckpointHolds) {
  save_checkpoint(folder_ / "run", sample_content(5));
  const Answer answer = run({"ckpt", "inspect", in_folder("run"), "--json"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  int found = 0;
  for (const Json& line : json_lines(answer.out)) {
    const std::string part = line["part"];
    if (part == "checkpoint") found += line["step"] == 5 && line["parameters"] == 10 * 12 + 5 + 4;
    if (part == "config") found += std::string(line["text"]).starts_with("name: sample");
    if (line.contains("name") && line["name"] == "layers.3.weight")
      found += line["shape"] == Json({4, 3}) && line["dtype"] == "f32" && line["role"] == "matrix";
    if (part == "slot" && line["name"] == "layers.0.weight/exp_avg") ++found;
    if (part == "state" && line["name"] == "rng") found += line["values"]["scheme"] == "philox-v1";
  }
  EXPECT_EQ(found, 5);
  const std::string text = run({"ckpt", "inspect", in_folder("run/ckpt/latest")}).out;
  EXPECT_NE(text.find("\nparameters    129\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\noptimizer adamw\n"), std::string::npos) << text;
}

// data

TEST_F(Commands, DataAreInspected) {
  make_digits(), make_text(), make_series();
  const Json digits =
      json_lines(run({"data", "inspect", in_folder("digits.yaml"), "--json"}).out).at(0);
  EXPECT_EQ(digits["kind"], "digits");
  EXPECT_EQ(digits["target"], "label");
  EXPECT_EQ(digits["train"], 20);
  EXPECT_EQ(digits["length"], 64);
  EXPECT_EQ(digits["sample"]["picture"].size(), 8u);
  EXPECT_EQ(std::string(digits["sample"]["picture"][0]).size(), 8u);

  const Answer text = run({"data", "inspect", in_folder("text.yaml"), "data.length=9", "--json"});
  const Json line = json_lines(text.out).at(0);
  EXPECT_EQ(line["language_model"], true);
  EXPECT_EQ(line["length"], 9);
  const std::string input = line["sample"]["text"], target = line["sample"]["target"];
  EXPECT_EQ(input.substr(1), target.substr(0, 8));

  const std::string series = run({"data", "inspect", in_folder("series.yaml")}).out;
  EXPECT_TRUE(
      series.starts_with("kind            csv\ntarget          value\nlength          9\n"
                         "values          1\nfeatures        3\nhorizon         3\n"
                         "language_model  false\ntrain           20\nval             2\n"
                         "test            6\nfingerprint     "))
      << series;
}

TEST_F(Commands, DataAreFetchedFromAFolder) {
  if (!std::filesystem::exists(data_ / "tinyshakespeare" / "input.txt"))
    GTEST_SKIP() << "no tinyshakespeare/input.txt below $LONGWAVE_DATA";
  const std::string from = (data_ / "tinyshakespeare").string();
  ::setenv("LONGWAVE_DATA", folder_.path().c_str(), 1);
  const Answer copied = run({"data", "fetch", "tinyshakespeare", "--from", from});
  EXPECT_EQ(copied.code, 0) << copied.err;
  EXPECT_EQ(copied.out, "tinyshakespeare/input.txt copied from " + from + "/input.txt\n");
  const Answer kept = run({"data", "fetch", "tinyshakespeare", "--json"});
  EXPECT_EQ(kept.out, "{\"file\":\"tinyshakespeare/input.txt\",\"state\":\"kept\"}\n");
}

// config

TEST_F(Commands, EveryShippedConfigIsValid) {
  int configs = 0;
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(Path(LW_TESTS_FOLDER) / "../configs")) {
    if (file.path().extension() != ".yaml") continue;
    const Answer answer = run({"config", "validate", file.path().string()});
    EXPECT_EQ(answer.code, 0) << file.path() << ": " << answer.err;
    ++configs;
  }
  EXPECT_GT(configs, 30);
}

TEST_F(Commands, AConfigForAGpuIsPrintedWithoutOne) {
  make_digits();
  const Answer answer = run({"config", "print", in_folder("digits.yaml"), "device=cuda"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_NE(answer.out.find("\ndevice: cuda "), std::string::npos) << answer.out;
}

// doctor

TEST_F(Commands, DoctorListsDevicesAndLibraries) {
  set_num_threads(1);
  const Answer answer = run({"doctor", "--json"});
  EXPECT_EQ(answer.code, 0);
  std::map<std::string, Json> found;
  for (const Json& line : json_lines(answer.out)) {
    EXPECT_TRUE(line["name"].is_string() && line["value"].is_string() && line["ok"].is_boolean());
    EXPECT_EQ(line.contains("remedy"), !line["ok"]);
    EXPECT_NE(line["value"], "");
    found[line["name"]] = line;
  }
  for (const char* name : {"device.cpu", "device.cuda", "cpu.cores", "cpu.simd", "cpu.bf16",
                           "threads", "memory", "disk", "data", "library.hdf5", "library.onednn",
                           "library.yaml-cpp", "library.zlib", "library.openssl", "library.spdlog",
                           "library.cublas", "library.nccl", "cuda.architectures"})
    EXPECT_TRUE(found.contains(name)) << name;
  const Device gpu{DeviceKind::cuda};
  const std::string missing = why_missing(gpu);
  EXPECT_EQ(found["device.cuda"]["value"],
            missing.empty() ? runtime_of(gpu).description(0) : missing);
  const std::string without = "this build has no CUDA";
  EXPECT_EQ(found["library.cublas"]["value"] == without,
            found["cuda.architectures"]["value"] == without);
  EXPECT_NE(std::string(found["cpu.simd"]["value"]).find(" (used)"), std::string::npos);
}

TEST_F(Commands, DoctorWarnsWithARemedy) {
  ::setenv("LONGWAVE_DATA", "/nowhere/at/all", 1);
  set_num_threads(4096);
  const std::string text = run({"doctor"}).out;
  set_num_threads(1);
  EXPECT_NE(text.find("warning: there are only "), std::string::npos) << text;
  EXPECT_NE(text.find("data                   /nowhere/at/all\n                       warning: "
                      "there is no such folder: make it, or set LONGWAVE_DATA to another\n"),
            std::string::npos)
      << text;
  EXPECT_TRUE(text.ends_with(" warnings\n"));
}

// predict

TEST_F(Commands, PredictsTheClassOfImages) {
  make_digits();
  write("images", idx_images(70, 8, '\x40'));
  const Answer answer = run({"predict", in_folder("digits"), in_folder("images"), "--json"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const std::vector<Json> lines = json_lines(answer.out);
  ASSERT_EQ(lines.size(), 70u);
  EXPECT_EQ(lines[69]["index"], 69);
  EXPECT_EQ(lines[69]["class"], lines[0]["class"]);
  EXPECT_NEAR(lines[69]["probability"], double(lines[0]["probability"]), 1e-6);
  EXPECT_GT(lines[0]["probability"], 0.1);
  EXPECT_LT(lines[0]["probability"], 1);
}

TEST_F(Commands, JudgesLinesOfText) {
  make_text();
  write("lines.txt", "one two\n\n" + std::string(2000, 'e'));
  const Answer answer = run({"predict", in_folder("text"), in_folder("lines.txt"), "--json"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const std::vector<Json> lines = json_lines(answer.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["tokens"], 7);
  EXPECT_TRUE(std::isfinite(double(lines[0]["nll"])));
  EXPECT_TRUE(lines[1]["nll"].is_null());
  EXPECT_EQ(lines[2]["tokens"], 2000);
  EXPECT_GT(double(lines[2]["nll"]), 0);
}

TEST_F(Commands, ForecastsARowsSuccessors) {
  make_series();
  const Answer answer = run({"predict", in_folder("series"), in_folder("series.csv"), "--json"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const std::vector<Json> lines = json_lines(answer.out);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["index"], 0);
  ASSERT_EQ(lines[0]["forecast"]["y"].size(), 3u);
  EXPECT_NEAR(lines[0]["forecast"]["y"][0], 102, 10);  // in the units of the file
  const std::vector<std::string> text =
      lines_of(run({"predict", in_folder("series"), in_folder("series.csv")}).out);
  ASSERT_EQ(text.size(), 4u);
  EXPECT_EQ(text[0], "step,y");
  EXPECT_TRUE(text[3].starts_with("3,"));
}

// eval

TEST_F(Commands, EvalPrintsItsResultWhateverTheFolderIsCalled) {
  make_digits();
  std::filesystem::rename(folder_ / "digits", folder_ / "caf\xe9");
  const Answer answer = run({"eval", in_folder("caf\xe9"), "--json"});
  ASSERT_EQ(answer.code, 0) << answer.err;
  const Json line = json_lines(answer.out).at(0);
  EXPECT_EQ(line["count"], 5);
  EXPECT_TRUE(std::string(line["checkpoint"]).starts_with("caf\uFFFD/ckpt/step-"))
      << line["checkpoint"];
}

// refusals

TEST_F(Commands, BadCallsAreRefused) {
  make_digits(), make_text(), make_series();
  make_run("copying", "\n  kind: selective_copying\n  length: 8\n  tokens: 2\n");
  make_directories(folder_ / "empty");
  write("small", idx_images(2, 7, 0));
  write("cut", idx_images(2, 8, 0).substr(0, 100));
  write("unknown.txt", "one\ntwo X\n");
  write("short.csv", "x,y\n1,2\n3,4\n");
  write("other.csv", "x,z\n1,2\n");
  write("words.csv", "x,y\n1,two\n");
  const struct {
    std::vector<std::string> arguments;
    int code;
    std::string err;
  } table[] = {
      {{"ckpt", "verify", in_folder("none")},
       3,
       "none: error: there is no such run or checkpoint\n"},
      {{"ckpt", "ls", in_folder("empty")}, 3, "empty: error: this is no run and no checkpoint\n"},
      {{"ckpt", "inspect", in_folder("empty")},
       3,
       "empty: error: this is no run and no checkpoint\n"},
      {{"data", "fetch", "minst"},
       2,
       "longwave data: error: there is no dataset `minst` to fetch; there are mnist, "
       "tinyshakespeare, ett\n  did you mean `mnist`?\n"},
      {{"data", "fetch", "mnist"},
       2,
       "longwave data: error: data fetch mnist: no folder to put the files in\n  name one with "
       "--to DIR, or set LONGWAVE_DATA to the folder above mnist/\n"},
      {{"data", "fetch", "mnist", "seed=1"},
       2,
       "longwave data: error: data fetch: expected no `seed=1`; changes to a config are for data "
       "inspect\n"},
      {{"data", "fetch", "mnist", "--to", in_folder("to"), "--from", in_folder("none")},
       3,
       "none: error: there is no such folder\n"},
      {{"data", "fetch", "ett", "--to", in_folder("to"), "--from", in_folder("empty")},
       3,
       "empty/ETTh1.csv: error: there is no such file, with or without .gz\n"},
      {{"data", "inspect", in_folder("digits.yaml"), "--to", in_folder("to")},
       2,
       "longwave data: error: data inspect: --from and --to are for data fetch\n"},
      {{"predict", in_folder("digits"), in_folder("small")},
       3,
       "small: error: images of 7 x 7 pixels; the model was trained on 8 x 8\n"},
      {{"predict", in_folder("digits"), in_folder("cut")},
       3,
       "cut: error: the header declares 128 bytes, the file holds 84\n"},
      {{"predict", in_folder("digits"), in_folder("none")},
       3,
       "none: error: cannot be opened: No such file or directory\n"},
      {{"predict", in_folder("text"), in_folder("unknown.txt")},
       3,
       "unknown.txt:2: error: text: the character `X` at byte 5 is not among the 16 characters of "
       "the training corpus\n"},
      {{"predict", in_folder("series"), in_folder("short.csv")},
       3,
       "short.csv: error: 2 rows, expected at least data.length = 6\n"},
      {{"predict", in_folder("series"), in_folder("other.csv")},
       3,
       "other.csv:1: error: there is no column `y`\n"},
      {{"predict", in_folder("series"), in_folder("words.csv")},
       3,
       "words.csv:2:2: error: column `y`: expected a number, received `two`\n"},
      {{"predict", in_folder("copying"), in_folder("short.csv")},
       2,
       "longwave predict: error: predict: copying was trained on selective_copying, whose samples "
       "it "
       "reads from no file of its own\n  longwave eval measures the run on a split\n"},
      {{"predict", in_folder("empty"), in_folder("short.csv")},
       3,
       "empty: error: this is no run and no checkpoint\n"},
  };
  for (const auto& [arguments, code, err] : table) {
    const Answer answer = run(arguments);
    EXPECT_EQ(answer.code, code);
    EXPECT_EQ(answer.err, err);
  }
}

}  // namespace
}  // namespace lw
