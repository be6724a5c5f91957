// `longwave bench step` makes the step that training makes.
#include "tests/apps/program.h"

namespace lw {
namespace {

class BenchStep : public ProgramTest {
 protected:
  Json step(const std::vector<std::string>& overrides) const {
    std::vector<std::string> arguments{"bench",    "step", at("digits.yaml"), "train.batch=64",
                                       "--rounds", "1",    "--json"};
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    const Ended ended = longwave(arguments);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return parse_json(ended.out, "stdout");
  }
};

TEST_F(BenchStep, MicroBatchesNeedLessMemoryForTheSameItems) {
  const Json whole = step({}), parts = step({"train.accumulate=4"});
  EXPECT_LT(2 * parts["peak_bytes"].get<int64_t>(), whole["peak_bytes"].get<int64_t>());
  for (const Json& line : {whole, parts}) {
    const double ms = line["step_ms"];
    EXPECT_NEAR(ms * line["items_per_s"].get<double>(), 64 * 1000, 1);
    const double passes = line["forward_ms"].get<double>() + line["backward_ms"].get<double>() +
                          line["update_ms"].get<double>();
    EXPECT_NEAR(passes, ms, 1e-6 * ms);
    EXPECT_FALSE(line["cuda_graph"].get<bool>());
  }
}

TEST_F(BenchStep, AveragesTheWeights) {
  EXPECT_GT(step({"optim.ema=0.9"})["peak_bytes"].get<int64_t>(),
            step({})["peak_bytes"].get<int64_t>());
}

TEST_F(BenchStep, WritesTheMicroBatchThatItComputesOn) {
  step({"train.accumulate=4", "--dump", at("dump.h5")});
  EXPECT_EQ(Hdf5Reader(at("dump.h5")).tensor("/inputs/inputs").size(0), 16);
}

}  // namespace
}  // namespace lw
