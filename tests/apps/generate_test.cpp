// Generation: how a token is drawn, by hand-computed cases, and what the command promises.
#include "apps/generate.h"

#include <cmath>
#include <set>

#include "tests/apps/program.h"

namespace lw {
namespace {

/// Logits of tokens with these probabilities.
std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

/// How often each token is drawn, of 4000.
std::vector<double> shares(const std::vector<float>& logits, const Sampling& sampling,
                           const std::vector<int64_t>& seen = {}) {
  std::vector<double> share(logits.size());
  for (int64_t position = 0; position < 4000; ++position)
    share[static_cast<size_t>(sample_token(logits, sampling, seen, position))] += 1.0 / 4000;
  return share;
}

void expect_shares(const std::vector<double>& expected, const std::vector<double>& drawn) {
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(drawn[i], expected[i], 0.03) << "token " << i;
    if (expected[i] == 0) {
      EXPECT_EQ(drawn[i], 0) << "token " << i;
    }
  }
}

TEST(SampleToken, FollowsTheProbabilities) {
  expect_shares({0.1, 0.6, 0.3}, shares(logits_of({0.1, 0.6, 0.3}), {}));
}

TEST(SampleToken, ZeroTemperatureTakesTheLikeliestTheFirstOfEquals) {
  const std::vector<float> logits{1, 3, 2, 3};
  for (int64_t position = 0; position < 10; ++position)
    EXPECT_EQ(sample_token(logits, {.temperature = 0, .seed = 5}, {}, position), 1);
}

TEST(SampleToken, TemperatureSharpensAndFlattens) {
  // p^(1/T), normalised: of (0.2, 0.8), T = 1/2: (0.04, 0.64) / 0.68; T = 2: (0.4472, 0.8944) / 1.3416
  expect_shares({0.0588, 0.9412}, shares(logits_of({0.2, 0.8}), {.temperature = 0.5}));
  expect_shares({0.3333, 0.6667}, shares(logits_of({0.2, 0.8}), {.temperature = 2}));
}

TEST(SampleToken, TopKKeepsTheLikeliest) {
  const std::vector<float> logits = logits_of({0.1, 0.4, 0.2, 0.3});
  expect_shares({0, 4.0 / 7, 0, 3.0 / 7}, shares(logits, {.top_k = 2}));
  expect_shares({0, 1, 0, 0}, shares(logits, {.top_k = 1}));
  expect_shares({0.1, 0.4, 0.2, 0.3}, shares(logits, {.top_k = 9}));
}

TEST(SampleToken, TopPKeepsTheFewestThatHoldTheMass) {
  const std::vector<float> logits = logits_of({0.1, 0.4, 0.2, 0.3});
  expect_shares({0, 4.0 / 7, 0, 3.0 / 7}, shares(logits, {.top_p = 0.6}));
  expect_shares({0, 4.0 / 9, 2.0 / 9, 3.0 / 9}, shares(logits, {.top_p = 0.75}));
  expect_shares({0, 1, 0, 0}, shares(logits, {.top_p = 0}));
}

TEST(SampleToken, MinPKeepsWhatIsNearlyAsLikely) {
  const std::vector<float> logits = logits_of({0.1, 0.4, 0.2, 0.3});
  expect_shares({0, 4.0 / 9, 2.0 / 9, 3.0 / 9}, shares(logits, {.min_p = 0.4}));
  expect_shares({0, 1, 0, 0}, shares(logits, {.min_p = 1}));
}

TEST(SampleToken, RepetitionPenaltyPushesSeenTokensDown) {
  // Positive logits are divided, negative ones multiplied, each once however often it was seen.
  const std::vector<float> logits{2, 1.5, -1};
  const Sampling greedy{.temperature = 0, .repetition_penalty = 2};
  EXPECT_EQ(sample_token(logits, greedy, {}, 0), 0);
  EXPECT_EQ(sample_token(logits, greedy, std::vector<int64_t>{0, 0, 0}, 0), 1);
  EXPECT_EQ(sample_token(logits, greedy, std::vector<int64_t>{0, 1}, 0), 0);
  EXPECT_EQ(sample_token(std::vector<float>{-1, -1.5}, greedy, std::vector<int64_t>{0}, 0), 1);
}

TEST(SampleToken, ADrawIsAFunctionOfSeedAndPosition) {
  const std::vector<float> logits(50, 0.0F);
  std::set<int64_t> drawn;
  for (int64_t position = 0; position < 40; ++position) {
    const int64_t token = sample_token(logits, {.seed = 3}, {}, position);
    EXPECT_EQ(token, sample_token(logits, {.seed = 3}, {}, position));
    drawn.insert(token);
  }
  EXPECT_GT(drawn.size(), 15u);
}

class Generate : public ProgramTest {
 protected:
  void SetUp() override {
    complete(train("text", "run", {"data.tokens=bytes", "train.eval_every=0", "sample.tokens=0"}));
  }
  std::string generate(const std::vector<std::string>& more, const char* threads = "2") const {
    std::vector<std::string> arguments{"generate", at("run"), "--prompt", "3 waves"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = longwave(arguments, {str("OMP_NUM_THREADS=", threads)});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.out;
  }
};

TEST_F(Generate, WritesExactlyTheTokensAskedFor) {
  for (const size_t count : {0, 1, 57})
    EXPECT_EQ(generate({"--max-tokens", std::to_string(count)}).size(),
              count + 1);  // and a newline
  const Json line = parse_json(generate({"--max-tokens", "9", "--json"}), "stdout");
  EXPECT_EQ(line["prompt"], "3 waves");
  EXPECT_EQ(line["tokens"], 9);
}

TEST_F(Generate, AShorterTextIsTheBeginningOfALongerOne) {
  std::string shorter = generate({"--max-tokens", "20", "--seed", "4"});
  const std::string longer = generate({"--max-tokens", "40", "--seed", "4"});
  shorter.pop_back();
  EXPECT_TRUE(longer.starts_with(shorter));
  EXPECT_NE(longer, generate({"--max-tokens", "40", "--seed", "5"}));
}

TEST_F(Generate, IsTheSameOnAnyNumberOfThreads) {
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--temperature", "0"}, {"--seed", "9", "--top-k", "20"}}) {
    const std::string text = generate(options, "1");
    EXPECT_EQ(text, generate(options, "2"));
    EXPECT_EQ(text, generate(options, "3"));
  }
  EXPECT_EQ(generate({"--temperature", "0", "--seed", "1"}),
            generate({"--temperature", "0", "--seed", "2"}));
}

TEST_F(Generate, KeepsWeightsInFewerBits) {
  complete(train("text", "wide", {"model.d_model=32", "train.eval_every=0", "sample.tokens=0"}));
  const auto line = [&](const char* weights) {
    const Ended ended = longwave({"generate", at("wide"), "--prompt", "3 waves", "--max-tokens",
                                  "30", "--weights", weights, "--json"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return parse_json(ended.out, "stdout");
  };
  EXPECT_EQ(line("f32")["weights_error"], 0);
  EXPECT_EQ(line("f32")["weights_stored"], 0);
  EXPECT_LT(line("bf16")["weights_error"], 1.0 / 512);
  const Json int8 = line("int8");
  EXPECT_GT(int8["weights_error"], 1.0 / 512);
  EXPECT_LT(int8["weights_error"], 0.01);
  EXPECT_NE(int8["worst_weight"], "");
  EXPECT_GT(int8["weights_stored"], 0);
  EXPECT_EQ(longwave({"generate", at("wide"), "--weights", "int4"}).code, 2);
}

TEST_F(Generate, SaysWhereNoWeightIsFitForFewerBits) {
  complete(train("text", "narrow", {"train.steps=1", "train.eval_every=0", "sample.tokens=0"}));
  for (const std::string format : {"f32", "bf16", "int8"}) {
    const Ended ended =
        longwave({"generate", at("narrow"), "--prompt", "3", "--weights", format, "--json"});
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(parse_json(ended.out, "stdout")["weights_stored"], 0);
    EXPECT_EQ(ended.err, format == "f32" ? ""
                                         : str("--weights ", format,
                                               ": no matrix of this model has rows of 32 elements; "
                                               "all weights stay f32\n"));
  }
}

TEST_F(Generate, ATokenCostsTheSameHoweverLongTheText) {
  const Ended ended =
      longwave({"bench", "generate", at("text.yaml"), "--tokens", "16384", "--json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json line = parse_json(ended.out, "stdout");
  EXPECT_EQ(line["tokens"], 16384);
  EXPECT_GT(line["last_tokens_per_s"], 0.5 * line["first_tokens_per_s"].get<double>());
}

TEST_F(Generate, NeedsNoCorpus) {
  complete(train("text", "characters", {"train.eval_every=0", "sample.tokens=0"}));
  write_file(folder_ / "lines", "3 waves\n");
  const std::vector<std::string> calls[] = {
      {"generate", at("characters"), "--prompt", "3 waves", "--max-tokens", "30"},
      {"predict", at("characters"), at("lines"), "--json"}};
  for (const std::vector<std::string>& call : calls) {
    const Ended before = longwave(call);
    EXPECT_EQ(before.code, 0) << before.err;
    std::filesystem::rename(folder_ / "input.txt", folder_ / "elsewhere");
    const Ended after = longwave(call);
    std::filesystem::rename(folder_ / "elsewhere", folder_ / "input.txt");
    EXPECT_EQ(after.code, 0) << after.err;
    EXPECT_EQ(after.out, before.out);
  }
}

TEST_F(Generate, RefusesWhatCannotBeContinued) {
  EXPECT_EQ(longwave({"generate", at("run"), "--prompt", ""}).code, 2);
  complete(train("digits", "classifier"));
  EXPECT_EQ(longwave({"generate", at("classifier"), "--prompt", "a"}).code, 2);
}

}  // namespace
}  // namespace lw
