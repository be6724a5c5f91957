// The commands of the program: what each is given, and the function that does it.
//
// command_flags.cpp reads the command line into these structs; nothing else knows how it is spelled. A
// command returns the exit code, writes results to stdout and everything else to stderr, and throws
// Error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lw {

using Overrides = std::vector<std::string>;  ///< key=value

struct TrainArguments {
  std::string target;  ///< a config; with resume, the folder of a run
  Overrides overrides;
  std::string run_dir;    ///< empty: runs/NAME/TIME-ID
  std::string resume;     ///< empty, auto, step=N or the path of a checkpoint
  std::string init_from;  ///< a checkpoint whose weights a new run starts from
  bool quiet = false;     ///< neither the table of parameters nor progress lines
  int nproc = 1;          ///< ranks to start on this machine
  bool profile = false;   ///< where the time went, at the end
};
int train_command(const TrainArguments& arguments);

struct EvalArguments {
  std::string run;  ///< a run, or a checkpoint
  Overrides overrides;
  std::string split;  ///< empty: test, or val where there is no test split
  bool json = false;
};
int eval_command(const EvalArguments& arguments);

struct PredictArguments {
  std::string run;
  std::string file;  ///< idx images, CSV or text, as the run was trained on; - for stdin
  Overrides overrides;
  bool json = false;
};
int predict_command(const PredictArguments& arguments);

struct GenerateArguments {
  std::string run;
  Overrides overrides;
  std::string prompt = "\n";
  int64_t max_tokens = 200;
  int64_t seed = 0;
  double temperature = 1, top_p = 1, min_p = 0, repetition_penalty = 1;
  int64_t top_k = 0;
  std::string weights = "f32";  ///< f32, bf16 or int8: how they are kept in memory
  bool json = false;
};
int generate_command(const GenerateArguments& arguments);

struct ConfigArguments {
  std::string action;  ///< print, validate or schema
  std::string config;
  Overrides overrides;
};
int config_command(const ConfigArguments& arguments);

struct DataArguments {
  std::string action;  ///< fetch or inspect
  std::string name;    ///< of what to fetch, or the config whose data is inspected
  std::string from;    ///< folder that already holds the files
  std::string to;      ///< folder to put them in; empty: below $LONGWAVE_DATA
  Overrides overrides;
  bool json = false;
};
int data_command(const DataArguments& arguments);

struct CkptArguments {
  std::string action;  ///< ls, inspect or verify
  std::string path;    ///< a run, or a checkpoint
  bool json = false;
};
int ckpt_command(const CkptArguments& arguments);

struct InspectArguments {
  std::string run;  ///< a run, a checkpoint, or a config: its model before training
  Overrides overrides;
  std::optional<int64_t> length;  ///< of the kernels of a config's model; 1024
  std::string text;               ///< that a language model reads; empty: a sample of its data
  std::optional<int64_t> sample;  ///< of the test split, or of val or train where there is none; 0
  std::string out;                ///< folder for the pictures; empty: none
  bool json = false;
};
int inspect_command(const InspectArguments& arguments);

struct InspectHippoArguments {
  std::string measure = "legs";
  int64_t order = 64;
  int64_t steps = 0;  ///< 0: 2,000, or all rows of a file
  std::string discretization = "bilinear";
  std::string signal = "two_sines";  ///< a name, or a CSV file
  double window = 0;                 ///< of a signal that lasts 1; 0: as the measure likes
  std::string out;                   ///< folder for the pictures; empty: none
  bool json = false;
};
int inspect_hippo(const InspectHippoArguments& arguments);

struct CheckArguments {
  std::string what;  ///< layer or model
  std::string name;  ///< kind of a layer, or `all`; or a config
  Overrides overrides;
  bool json = false;
};
int check_command(const CheckArguments& arguments);

struct BenchArguments {
  std::string what;  ///< op, layer, step, generate or machine
  std::string name;  ///< of an op; kind of a layer; a config; empty for machine
  Overrides overrides;
  std::string shape;           ///< of an op or layer: B=4,L=256,...
  std::string dtype = "f32";   ///< of an op
  std::string device = "cpu";  ///< of an op or layer, and of the machine; a config names its own
  int64_t rounds = 0;  ///< that the medians of an op, layer or step are of; 0: as it sees fit
  std::string dump;    ///< HDF5 file for inputs, outputs and gradients; empty: none
  bool json = false;
  bool profile = false;         ///< of a step: where the time went
  std::string weights = "f32";  ///< of generate: f32, bf16 or int8
  int64_t tokens = 128;         ///< of generate
};
int bench_command(const BenchArguments& arguments);
int bench_step(const BenchArguments& arguments);
int bench_generate(const BenchArguments& arguments);

int doctor_command(bool json);

}  // namespace lw
