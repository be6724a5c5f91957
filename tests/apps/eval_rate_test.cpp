// `longwave eval` at other sampling rates.
#include "tests/apps/program.h"

namespace lw {
namespace {

using testing::HasSubstr;

class EvalRate : public ProgramTest {
 protected:
  std::vector<Json> scores(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all{"eval", at("run"), "--json"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Ended ended = longwave(all);
    EXPECT_EQ(ended.code, 0) << ended.err;
    std::vector<Json> lines;
    std::istringstream in(ended.out);
    for (std::string line; std::getline(in, line);) lines.push_back(parse_json(line, "stdout"));
    return lines;
  }
};

TEST_F(EvalRate, PrintsALineForEachRate) {
  complete(train("digits", "run", {"eval.rate=[0.5, 1, 2]"}));
  const std::vector<Json> three = scores({});
  ASSERT_EQ(three.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(three[i]["rate"].get<double>(), (std::vector<double>{0.5, 1, 2})[i]);
    EXPECT_EQ(three[i]["count"], 16);
  }
  EXPECT_NE(three[0]["loss"], three[1]["loss"]);
  const std::vector<Json> one = scores({"eval.rate=[1]"});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0]["loss"], three[1]["loss"]);
  EXPECT_FALSE(one[0].contains("rate"));
}

TEST_F(EvalRate, RefusesWhatCannotBeReadAtAnotherRate) {
  complete(train("copying", "run", {"train.steps=1"}));
  EXPECT_EQ(longwave({"eval", at("run"), "eval.rate=[2]"}).err,
            "longwave eval: error: eval.rate: 2 was asked for, but layers of kind mamba1 have no "
            "continuous time\n  use eval.rate=[1]\n");
  complete(train("copying", "s4d", {"train.steps=1", "model.layer=s4d"}));
  EXPECT_THAT(longwave({"eval", at("s4d"), "eval.rate=[2]"}).err, HasSubstr("are tokens"));
  const Ended empty = longwave({"eval", at("s4d"), "eval.rate=[]"});
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.err, HasSubstr("eval.rate: expected at least one rate"));
  EXPECT_EQ(longwave({"eval", at("s4d"), "eval.rate=[0]"}).code, 2);
}

}  // namespace
}  // namespace lw
