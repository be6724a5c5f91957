// `longwave check model`: the laws on the model of a config, and what breaks them.
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::HasSubstr;

class CheckModel : public ProgramTest {};

TEST_F(CheckModel, HoldsEveryModelToTheLaws) {
  for (const char* options :
       {"model.layer=mamba1", "model.layer=s4 model.norm=batch",
        "model.layer=s5 model.prenorm=false", "model.layer=s4d model.bidirectional=true",
        "model.layer=lstm model.residual=gated",
        "model.layer=transformer model.heads=2 model.recompute=block"}) {
    std::vector<std::string> arguments{"check", "model", at("digits.yaml"), "--json",
                                       "model.d_model=8"};
    std::istringstream words(options);
    for (std::string word; words >> word;) arguments.push_back(word);
    const Ended ended = longwave(arguments);
    EXPECT_EQ(ended.code, 0) << options << "\n" << ended.out << ended.err;
    std::istringstream lines(ended.out);
    int laws = 0;
    for (std::string line; std::getline(lines, line); ++laws) {
      const Json law = parse_json(line, "stdout");
      EXPECT_EQ(law["layer"], "digits");
      EXPECT_TRUE(law["ok"].get<bool>()) << line;
    }
    EXPECT_GE(laws, 4) << options;
  }
}

TEST_F(CheckModel, SaysWhatItDoesNotKnow) {
  EXPECT_EQ(longwave({"check", "model", at("nothing.yaml")}).code, 2);
  const Ended kind = longwave({"check", "model", "s4d"});
  EXPECT_EQ(kind.code, 2);
  EXPECT_THAT(kind.err, HasSubstr("s4d"));
  EXPECT_THAT(longwave({"check", "models", "s4d"}).err, HasSubstr("expected one of: layer, model"));
}

}  // namespace
}  // namespace lw
