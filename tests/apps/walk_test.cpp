// The walk through the documentation: its commands run, its pictures are what they draw, its links lead somewhere.
#include <regex>

#include "tests/apps/program.h"

namespace lw {
namespace {

const Path root = Path(LW_TESTS_FOLDER) / "..";
constexpr const char* pages[] = {"README.md", "hippo.md", "representations.md", "selection.md"};

/// The matches of a regular expression's first group in a text.
std::vector<std::string> found(const std::string& text, const char* expression) {
  const std::regex regex(expression);
  std::vector<std::string> matches;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at)
    matches.push_back((*at)[1]);
  return matches;
}

/// The numbers of a text, and what stands between them.
std::pair<std::vector<double>, std::string> numbers_of(const std::string& text) {
  static const std::regex number("-?[0-9]+(\\.[0-9]+)?");
  std::vector<double> numbers;
  for (std::sregex_iterator at(text.begin(), text.end(), number), end; at != end; ++at)
    numbers.push_back(std::stod(at->str()));
  return {numbers, std::regex_replace(text, number, "#")};
}

class Walk : public ProgramTest {
 protected:
  /// The words of a command; quotes hold words together, DIR and RUN are folders of the test.
  std::vector<std::string> words(const std::string& command) const {
    std::vector<std::string> words;
    for (std::string word : found(command, "(\"[^\"]*\"|[^ ]+)")) {
      std::erase(word, '"');
      if (word == "DIR" || word == "RUN") word = at(word);
      if (word.starts_with("configs/")) word = (root / word).string();
      words.push_back(word);
    }
    return words;
  }
};

TEST_F(Walk, LinksLeadSomewhere) {
  for (const char* page : pages)
    for (const std::string& link : found(read_file(root / "docs" / page), "\\]\\(([^)#]+)\\)"))
      EXPECT_TRUE(std::filesystem::exists(root / "docs" / link)) << page << ": " << link;
}

TEST_F(Walk, CommandsAreUnderstood) {
  int commands = 0;
  for (const char* page : pages)
    for (const std::string& command :
         found(read_file(root / "docs" / page), "(?:^|\n)    longwave ([^\n]+)")) {
      std::vector<std::string> arguments = words(command);
      SCOPED_TRACE(str(page, ": longwave ", command));
      ++commands;
      // Training takes minutes, and so does what comes after it: their configs and flags are looked at.
      if (arguments[0] == "train") {
        arguments.erase(arguments.begin());
        arguments.insert(arguments.begin(), {"config", "validate"});
        const auto run = std::find(arguments.begin(), arguments.end(), "--run-dir");
        if (run != arguments.end()) arguments.erase(run, run + 2);
      } else if (command.find("RUN") != command.npos) {
        arguments.emplace_back("--help");
      }
      const Ended ended = longwave(arguments);
      EXPECT_EQ(ended.code, 0) << ended.err;
    }
  EXPECT_GE(commands, 10);
}

TEST_F(Walk, PicturesAreWhatTheCommandsDraw) {
  for (const char* layer : {"s4", "s4d"}) {
    const Ended ended =
        longwave({"inspect", (root / "configs/mnist" / (str(layer) + ".yaml")).string(), "--out",
                  at(layer)});
    ASSERT_EQ(ended.code, 0) << ended.err;
    const auto [drawn, drawn_text] = numbers_of(text_of(Path(layer) / "layer-0.svg"));
    const auto [kept, kept_text] =
        numbers_of(read_file(root / "docs/pictures" / (str(layer) + "_before_training.svg")));
    EXPECT_EQ(drawn_text, kept_text);
    ASSERT_EQ(drawn.size(), kept.size());
    // Another processor rounds otherwise: by a pixel at most.
    for (size_t i = 0; i < kept.size(); ++i) ASSERT_NEAR(drawn[i], kept[i], 1) << i;
  }
}

TEST_F(Walk, SelectionIsSeen) {
  complete({"train", (root / "configs/synthetic/induction_heads.yaml").string(), "--run-dir",
            at("RUN"), "train.steps=150", "train.eval_every=0", "data.validation=100",
            "optim.schedule.warmup=50"});
  complete({"inspect", at("RUN"), "--out", at("DIR")});
  EXPECT_TRUE(std::filesystem::exists(at("DIR/selection.svg")));
  const Ended score = longwave({"eval", at("RUN"), "--json"});
  EXPECT_GT(parse_json(score.out, "eval")["accuracy"].get<double>(), 0.9);
}

}  // namespace
}  // namespace lw
