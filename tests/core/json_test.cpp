#include "core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

namespace lw {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& text, const JsonLimits& limits = {}) {
  return error_of(ErrorKind::data, [&] { parse_json(text, "x.json", limits); });
}

TEST(Json, EqualValuesGiveEqualTexts) {
  const Json value = parse_json(R"({ "b": [1, 2.5, "ü"], "a": {"y": null, "x": true} })", "x.json");
  EXPECT_EQ(canonical_json(value), R"({"a":{"x":true,"y":null},"b":[1,2.5,"ü"]})");
}

TEST(Json, DuplicateKeysAreRefused) {
  EXPECT_EQ(refusal(R"({"a": {"k": 1, "k": 2}})"),
            "x.json: error: the key `k` occurs twice in one JSON object");
  EXPECT_NO_THROW(parse_json(R"([{"k": 1}, {"k": {"k": 2}}])", "x.json"));
}

TEST(Json, DepthAndSizeAreLimited) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(parse_json(nested(64), "x.json"));
  EXPECT_EQ(refusal(nested(65)), "x.json: error: JSON nested deeper than 64 levels");
  EXPECT_THAT(refusal(std::string(1'000'000, '[')), HasSubstr("nested deeper"));
  EXPECT_EQ(refusal("[1, 2]", {.bytes = 5}), "x.json: error: 6 bytes of JSON, expected at most 5");
}

TEST(Json, WhatIsNotJsonIsRefused) {
  for (const char* text : {"", "{", "[1,]", "nul", "{\"a\" 1}", "\"\xff\"", "1e999", "[1] 2"})
    EXPECT_THAT(refusal(text), HasSubstr("x.json: error: not JSON")) << text;
}

TEST(Json, MembersAreTyped) {
  const Json value = parse_json(R"({"n": 3, "s": "t", "big": 18446744073709551615})", "x.json");
  EXPECT_EQ(json_member<int64_t>(value, "n", "x.json"), 3);
  EXPECT_EQ(json_member<std::string>(value, "s", "x.json"), "t");
  const auto text = [&](auto tag, const char* key) {
    return error_of(ErrorKind::data, [&] { json_member<decltype(tag)>(value, key, "x.json"); });
  };
  EXPECT_EQ(text(int64_t{}, "s"), "x.json: error: `s` has the wrong type");
  EXPECT_EQ(text(int64_t{}, "big"), "x.json: error: `big` has the wrong type");
  EXPECT_EQ(text(std::string{}, "m"), "x.json: error: `m` is missing");
}

}  // namespace
}  // namespace lw
