#include <gtest/gtest.h>

#include "tests/core/config_reading.h"

namespace lw {
namespace {

TEST(ConfigValues, Types) {
  expect_messages({
      {"seed: many\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:7: error: `seed` is the string `many`, expected an integer at least 0\n"
       "    1 | seed: many\n"
       "      |       ^~~~"},
      {"seed: '5'\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:7: error: `seed` is the string `5`, expected an integer at least 0\n"
       "    1 | seed: '5'\n"
       "      |       ^~~ without quotes it is a number"},
      {"seed: 1.5\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:7: error: `seed` is the number `1.5`, expected an integer at least 0\n"
       "    1 | seed: 1.5\n"
       "      |       ^~~"},
      {std::string(good) + "limit: 0x10\n",
       {},
       "x.yaml:3:8: error: `limit` is the number `0x10`, expected an integer greater than 0\n"
       "    3 | limit: 0x10\n"
       "      |        ^~~~ numbers are decimal, without leading zeros"},
      {std::string(good) + "limit: 010\n",
       {},
       "x.yaml:3:8: error: `limit` is the number `010`, expected an integer greater than 0\n"
       "    3 | limit: 010\n"
       "      |        ^~~ numbers are decimal, without leading zeros"},
      {std::string(good) + "limit: 1_000\n",
       {},
       "x.yaml:3:8: error: `limit` is the string `1_000`, expected an integer greater than 0\n"
       "    3 | limit: 1_000\n"
       "      |        ^~~~~ write 1000"},
      {std::string(good) + "limit: 9223372036854775808\n",
       {},
       "x.yaml:3:8: error: `limit` is the integer `9223372036854775808`, expected an integer "
       "greater than 0\n"
       "    3 | limit: 9223372036854775808\n"
       "      |        ^~~~~~~~~~~~~~~~~~~ integers reach from -2^63 to 2^63 - 1"},
      {std::string(good) + "optim: {lr: .inf}\n",
       {},
       "x.yaml:3:13: error: `optim.lr` is the number `.inf`, expected a number greater than 0\n"
       "    3 | optim: {lr: .inf}\n"
       "      |             ^~~~ numbers are finite"},
      {std::string(good) + "optim: {lr: nan}\n",
       {},
       "x.yaml:3:13: error: `optim.lr` is the string `nan`, expected a number greater than 0\n"
       "    3 | optim: {lr: nan}\n"
       "      |             ^~~"},
      {std::string(good) + "optim: {lr: 1e999}\n",
       {},
       "x.yaml:3:13: error: `optim.lr` is the number `1e999`, expected a number greater than 0\n"
       "    3 | optim: {lr: 1e999}\n"
       "      |             ^~~~~ doubles reach from 5e-324 to 1.8e308"},
      {std::string(good) + "verbose: yes\n",
       {},
       "x.yaml:3:10: error: `verbose` is the string `yes`, expected true or false\n"
       "    3 | verbose: yes\n"
       "      |          ^~~ did you mean `true`?"},
      {std::string(good) + "verbose: 1\n",
       {},
       "x.yaml:3:10: error: `verbose` is the integer `1`, expected true or false\n"
       "    3 | verbose: 1\n"
       "      |          ^"},
      {std::string(good) + "name: 2024\n",
       {},
       "x.yaml:3:7: error: `name` is the integer `2024`, expected a string\n"
       "    3 | name: 2024\n"
       "      |       ^~~~ write \"2024\""},
      {std::string(good) + "name: true\n",
       {},
       "x.yaml:3:7: error: `name` is the boolean `true`, expected a string\n"
       "    3 | name: true\n"
       "      |       ^~~~ write \"true\""},
      {"seed: null\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:7: error: `seed` is null, expected an integer at least 0\n"
       "    1 | seed: null\n"
       "      |       ^~~~"},
      {std::string(good) + "name:\n",
       {},
       "x.yaml:3:1: error: `name` is empty, expected a string\n"
       "    3 | name:\n"
       "      | ^~~~"},
      {"seed:\nnullable: 1\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:1: error: `seed` is empty, expected an integer at least 0\n"
       "    1 | seed:\n"
       "      | ^~~~\n"
       "x.yaml:2:1: error: unknown key `nullable`\n"
       "    2 | nullable: 1\n"
       "      | ^~~~~~~~ (keys here: name, seed, verbose, limit, root, sizes, tags, model, optim)"},
      {std::string(good) + "optim:\n",
       {},
       "x.yaml:3:1: error: `optim` is empty, expected a mapping from keys to values\n"
       "    3 | optim:\n"
       "      | ^~~~~"},
      {std::string(good) + "optim: {lr: [1]}\n",
       {},
       "x.yaml:3:13: error: `optim.lr` is a list, expected a number greater than 0\n"
       "    3 | optim: {lr: [1]}\n"
       "      |             ^"},
      {std::string(good) + "sizes: 3\n",
       {},
       "x.yaml:3:8: error: `sizes` is the integer `3`, expected a list of integers\n"
       "    3 | sizes: 3\n"
       "      |        ^"},
      {std::string(good) + "sizes: [1, x, -1, ]\ntags: [a, 5, null, [b]]\n",
       {},
       "x.yaml:3:12: error: `sizes[1]` is the string `x`, expected an integer greater than 0\n"
       "    3 | sizes: [1, x, -1, ]\n"
       "      |            ^\n"
       "x.yaml:3:15: error: `sizes[2]` is -1, expected an integer greater than 0\n"
       "    3 | sizes: [1, x, -1, ]\n"
       "      |               ^~\n"
       "x.yaml:4:11: error: `tags[1]` is the integer `5`, expected a string\n"
       "    4 | tags: [a, 5, null, [b]]\n"
       "      |           ^ write \"5\"\n"
       "x.yaml:4:14: error: `tags[2]` is null, expected a string\n"
       "    4 | tags: [a, 5, null, [b]]\n"
       "      |              ^~~~\n"
       "x.yaml:4:20: error: `tags[3]` is a list, expected a string\n"
       "    4 | tags: [a, 5, null, [b]]\n"
       "      |                    ^"},
      {std::string(good) + "optim: [lr]\n",
       {},
       "x.yaml:3:8: error: `optim` is a list, expected a mapping from keys to values\n"
       "    3 | optim: [lr]\n"
       "      |        ^"},
      {"seed: {a: 1}\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:7: error: `seed` is a mapping, expected an integer at least 0\n"
       "    1 | seed: {a: 1}\n"
       "      |       ^"},
      {"name: [\"ü\", 1]\nseed: 1\nmodel: {d_model: 8, layer: s4d}\nroot: {\"ü☃\": 1, é: 2}\nünï: "
       "3\n",
       {},
       "x.yaml:1:7: error: `name` is a list, expected a string\n"
       "    1 | name: [\"ü\", 1]\n"
       "      |       ^\n"
       "x.yaml:4:7: error: `root` is a mapping, expected a string\n"
       "    4 | root: {\"ü☃\": 1, é: 2}\n"
       "      |       ^\n"
       "x.yaml:5:1: error: unknown key `ünï`\n"
       "    5 | ünï: 3\n"
       "      | ^~~ (keys here: name, seed, verbose, limit, root, sizes, tags, model, optim)"},
  });
}

TEST(ConfigValues, Rules) {
  expect_messages({
      {std::string(good) + "limit: 0\n",
       {},
       "x.yaml:3:8: error: `limit` is 0, expected an integer greater than 0\n"
       "    3 | limit: 0\n"
       "      |        ^"},
      {"seed: 1\nmodel:\n  d_model: 8\n  layer: s4d\n  d_state: 7\n",
       {},
       "x.yaml:5:12: error: `model.d_state` is 7, expected an integer at least 2 and even\n"
       "    5 |   d_state: 7\n"
       "      |            ^"},
      {"seed: 1\nmodel: {d_model: 8, layer: s4d, dropout: 1}\n",
       {},
       "x.yaml:2:42: error: `model.dropout` is 1, expected a number at least 0 and less than 1\n"
       "    2 | model: {d_model: 8, layer: s4d, dropout: 1}\n"
       "      |                                          ^"},
      {"seed: 1\nmodel: {d_model: 8, layer: s4d, norm: layr}\n",
       {},
       "x.yaml:2:39: error: `model.norm` is `layr`, expected one of: rms, layer\n"
       "    2 | model: {d_model: 8, layer: s4d, norm: layr}\n"
       "      |                                       ^~~~ did you mean `layer`?"},
      {std::string(good) + "optim: {betas: [0.9, 1.5]}\n",
       {},
       "x.yaml:3:22: error: `optim.betas[1]` is 1.5, expected a number at least 0 and less than 1\n"
       "    3 | optim: {betas: [0.9, 1.5]}\n"
       "      |                      ^~~"},
  });
}

}  // namespace
}  // namespace lw
