// longwave inspect hippo: its figures, its pictures, the pictures of the documentation, and what it refuses.
#include "tests/apps/program.h"
#include "tests/apps/well_formed.h"

namespace lw {
namespace {

using testing::HasSubstr;

class InspectHippo : public ProgramTest {
 protected:
  Ended inspect(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {"inspect", "hippo"});
    return longwave(flags);
  }
  Json json(std::vector<std::string> flags) const {
    flags.push_back("--json");
    const Ended ended = inspect(flags);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return parse_json(ended.out, "inspect hippo");
  }
  double error(const std::vector<std::string>& flags) const {
    return json(flags)["relative_error"].get<double>();
  }
  void expect_refused(const std::vector<std::string>& flags, int code,
                      const std::string& text) const {
    const Ended ended = inspect(flags);
    EXPECT_EQ(ended.code, code);
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr("longwave inspect hippo: error: "));
    EXPECT_THAT(ended.err, HasSubstr(text));
  }
};

TEST_F(InspectHippo, TellsHowWellItRemembers) {
  const Json line = json(
      {"--measure", "legs", "--order", "64", "--steps", "2000", "--discretization", "bilinear"});
  EXPECT_EQ(line["measure"], "legs");
  EXPECT_EQ(line["order"], 64);
  EXPECT_EQ(line["steps"], 2000);
  EXPECT_EQ(line["discretization"], "bilinear");
  EXPECT_EQ(line["signal"], "two_sines");
  EXPECT_FALSE(line.contains("window"));
  EXPECT_LT(line["relative_error"].get<double>(), 1e-4);
  EXPECT_LT(error({"--discretization", "forward"}), 2e-2);
  EXPECT_LT(error({"--discretization", "backward"}), 2e-2);
  EXPECT_LT(error({"--discretization", "zoh"}), 1e-4);

  EXPECT_EQ(json({"--measure", "legt"})["window"], 0.5);
  EXPECT_LT(error({"--measure", "legt", "--window", "0.25"}), 1e-3);
  EXPECT_LT(error({"--measure", "fourier"}), 5e-2);
  EXPECT_LT(error({"--measure", "lagt"}), 5e-2);
  EXPECT_LT(error({"--signal", "white"}), 1e-2);
  EXPECT_LT(error({"--signal", "steps"}), 0.2);
  EXPECT_GT(error({"--order", "1"}), 0.9);
  EXPECT_LT(error({"--steps", "1"}), 1);
  EXPECT_THAT(inspect({}).out, HasSubstr("relative_error"));
  EXPECT_EQ(inspect({"--help"}).code, 0);
  EXPECT_THAT(inspect({"--help"}).out, HasSubstr("legs, legt, legt_half, lmu, lagt, fout, fourier, "
                                                 "fourier2"));
}

TEST_F(InspectHippo, ReadsFiles) {
  std::string regular = "date,flow\n", timed = "t,flow\n", same = "t,flow\n";
  for (int i = 0; i < 50; ++i) {
    const double u = i * i % 13;
    regular += str("2020-01-", i, ",", u, "\n");
    timed += str(i + (i % 2) * 0.5, ",", u, "\n");
    same += str(10 + 2 * i, ",", u, "\n");
  }
  write_file(folder_ / "regular.csv", regular);
  write_file(folder_ / "timed.csv", timed);
  write_file(folder_ / "same.csv", same);
  const Json line = json({"--signal", at("regular.csv")});
  EXPECT_EQ(line["steps"], 50);
  EXPECT_EQ(line["signal"], "regular.csv");
  EXPECT_NEAR(error({"--signal", at("same.csv")}), line["relative_error"].get<double>(), 1e-9);
  EXPECT_NE(error({"--signal", at("timed.csv")}), line["relative_error"].get<double>());
  EXPECT_EQ(json({"--signal", at("regular.csv"), "--steps", "20"})["steps"], 20);

  write_file(folder_ / "back.csv", "t,u\n0,1\n2,1\n1,1\n");
  write_file(folder_ / "short.csv", "u\n1\n");
  write_file(folder_ / "bare.csv", "t\n1\n2\n");
  write_file(folder_ / "words.csv", "u\n1\ntwo\n");
  const auto refused = [&](const char* name, const std::string& text,
                           const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags{"--signal", at(name)};
    flags.insert(flags.end(), more.begin(), more.end());
    const Ended ended = inspect(flags);
    EXPECT_EQ(ended.code, 3) << name;
    EXPECT_THAT(ended.err, HasSubstr(text));
  };
  refused("back.csv", "back.csv: error: expected ascending times, received 1 after 2");
  refused("short.csv", "short.csv: error: expected at least two rows, received 1");
  refused("bare.csv", "bare.csv: error: expected a column of numbers beside the time");
  refused("words.csv", "words.csv:3");
  refused("none.csv", "none.csv");
  refused("regular.csv", "expected 60 rows for as many steps, received 50", {"--steps", "60"});
}

TEST_F(InspectHippo, DrawsWellFormedPictures) {
  for (const char* measure : {"legs", "legt", "lmu", "lagt", "fout"}) {
    complete({"inspect", "hippo", "--measure", measure, "--order", "16", "--steps", "300", "--out",
              at(measure)});
    for (const char* name :
         {"reconstruction.svg", "basis.svg", "measure.svg", "discretization.svg"}) {
      const std::string text = text_of(Path(measure) / name);
      EXPECT_EQ(flaw_of(text), "") << measure << " " << name;
      EXPECT_EQ(text.find("nan"), text.npos) << measure << " " << name;
    }
  }
  for (const auto& [measure, name] : {std::pair{"legt_half", "HiPPO-LegT (legt_half):"},
                                      {"fourier2", "HiPPO-FouT (fourier2):"}}) {
    complete({"inspect", "hippo", "--measure", measure, "--order", "4", "--steps", "100", "--out",
              at("named")});
    EXPECT_THAT(text_of("named/reconstruction.svg"), HasSubstr(name));
  }
  complete({"inspect", "hippo", "--order", "1", "--steps", "1", "--out", at("least")});
  EXPECT_EQ(flaw_of(text_of("least/reconstruction.svg")), "");
}

// The pictures that docs/hippo.md shows are what its commands draw.
TEST_F(InspectHippo, DrawsThePicturesOfTheDocumentation) {
  complete({"inspect", "hippo", "--out", at("legs")});
  complete({"inspect", "hippo", "--measure", "legt", "--out", at("legt")});
  EXPECT_THAT(text_of("legt/discretization.svg"),
              HasSubstr(">forward: unstable at 1000 steps and fewer<"));
  EXPECT_THAT(text_of("legs/discretization.svg"), testing::Not(HasSubstr("unstable")));
  const std::pair<const char*, const char*> pictures[] = {
      {"hippo_legs.svg", "legs/reconstruction.svg"},
      {"hippo_legs_basis.svg", "legs/basis.svg"},
      {"hippo_legs_measure.svg", "legs/measure.svg"},
      {"hippo_discretization.svg", "legs/discretization.svg"},
      {"hippo_legt.svg", "legt/reconstruction.svg"},
      {"hippo_legt_measure.svg", "legt/measure.svg"},
  };
  for (const auto& [kept, drawn] : pictures)
    EXPECT_TRUE(read_file(Path(LW_TESTS_FOLDER) / "../docs/pictures" / kept) == text_of(drawn))
        << kept;
}

TEST_F(InspectHippo, SaysWhatIsWrong) {
  expect_refused({"--measure", "legss"}, 2,
                 "--measure: expected one of: legs, legt, legt_half, lmu, lagt, fout, fourier, "
                 "fourier2, received `legss`\n  did you mean `legs`?");
  expect_refused({"--order", "0"}, 2, "--order: expected an integer from 1 to 1024, received `0`");
  expect_refused({"--measure", "fout", "--order", "3"}, 2,
                 "fout pairs sines with cosines, expected an even N, received 3");
  expect_refused({"--steps", "0"}, 2,
                 "--steps: expected an integer from 1 to 10000000, received `0`");
  expect_refused({"--discretization", "bilinaer"}, 2, "did you mean `bilinear`?");
  expect_refused({"--signal", "two_sine"}, 2,
                 "unknown signal `two_sine`, expected one of: two_sines white steps FILE.csv; did "
                 "you mean `two_sines`?");
  expect_refused({"--window", "0"}, 2, "--window: expected a number greater than 0, received `0`");
  expect_refused(
      {"--measure", "legt", "--window", "1e-9"}, 2,
      "--window 1e-09: expected at least 0.00025, half of the last of 2000 steps: nothing "
      "in the window can be compared\n  take a longer window, or more --steps");
  expect_refused({"--window", "0.5"}, 2, "legs remembers the whole past alike");
  expect_refused({"--orders", "8"}, 2, "there is no flag `--orders`\n  did you mean `--order`?");
  expect_refused({"more"}, 2, "unexpected argument `more`");

  write_file(folder_ / "file", "");
  const Ended unwritable = inspect({"--out", at("file/below")});
  EXPECT_EQ(unwritable.code, 7);
  EXPECT_THAT(unwritable.err, HasSubstr("file"));
  const Ended nothing = longwave({"inspect"});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_EQ(
      nothing.err,
      "longwave inspect: error: run is required\n  longwave inspect --help shows how it is used\n");
}

}  // namespace
}  // namespace lw
