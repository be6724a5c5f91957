#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/config.h"
#include "tests/core/config_options.h"

namespace lw {
namespace {

TEST(ConfigSchema, DescribesEveryField) {
  const auto schema = nlohmann::json::parse(config_schema<ToyOptions>("toy"));
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["title"], "toy");
  EXPECT_EQ(schema["type"], "object");
  EXPECT_EQ(schema["required"], (nlohmann::json{"seed", "model"}));
  EXPECT_EQ(schema["unevaluatedProperties"], false);
  EXPECT_TRUE(schema["properties"].contains("extends"));

  const auto& seed = schema["properties"]["seed"];
  EXPECT_EQ(seed["description"], "of everything random");
  EXPECT_EQ(seed["minimum"], 0);
  EXPECT_EQ(seed["type"], (nlohmann::json{"integer", "string"}));
  EXPECT_FALSE(seed.contains("default"));
  const auto& model = schema["properties"]["model"];
  EXPECT_EQ(model["description"], "the network");
  EXPECT_EQ(model["required"], (nlohmann::json{"d_model", "layer"}));
  EXPECT_EQ(model["properties"]["dropout"]["exclusiveMaximum"], 1);
  EXPECT_EQ(model["properties"]["norm"]["anyOf"][0]["enum"], (nlohmann::json{"rms", "layer"}));
  EXPECT_EQ(model["properties"]["norm"]["default"], "rms");
  const auto& optim = schema["properties"]["optim"]["properties"];
  EXPECT_EQ(optim["betas"]["items"]["exclusiveMaximum"], 1);
  EXPECT_EQ(optim["betas"]["default"], (nlohmann::json{0.9, 0.999}));
  EXPECT_EQ(optim["groups"]["properties"]["ssm_a"]["properties"]["lr"]["anyOf"][1]["type"], "null");
}

TEST(ConfigSchema, KindsAreBranches) {
  const auto schema = nlohmann::json::parse(config_schema<ToyOptions>("toy"));
  const auto& model = schema["properties"]["model"];
  EXPECT_EQ(model["properties"]["layer"]["enum"], (nlohmann::json{"identity", "mamba1", "s4d"}));
  ASSERT_EQ(model["allOf"].size(), 3u);
  const auto& branch = model["allOf"][1];
  EXPECT_EQ(branch["if"], nlohmann::json::parse(
                              R"({"properties": {"layer": {"const": "mamba1"}},
                                  "required": ["layer"]})"));
  EXPECT_EQ(branch["then"]["required"], nlohmann::json::array({"expand"}));
  EXPECT_EQ(branch["then"]["properties"]["fused"]["default"], true);
  EXPECT_EQ(model["allOf"][2]["then"]["properties"]["d_state"]["multipleOf"], 2);
}

TEST(ConfigSchema, TheDefaultKindHoldsWithoutItsKey) {
  const auto schema = nlohmann::json::parse(config_schema<ToyMixerOptions>("toy"));
  EXPECT_EQ(schema["required"], nlohmann::json::array());
  EXPECT_EQ(schema["properties"]["layer"]["default"], "s4d");
  EXPECT_TRUE(schema["allOf"][1]["if"].contains("required"));   // mamba1
  EXPECT_FALSE(schema["allOf"][2]["if"].contains("required"));  // s4d
}

}  // namespace
}  // namespace lw
