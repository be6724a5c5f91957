#include <gtest/gtest.h>

#include "core/config.h"
#include "tests/core/config_reading.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

TEST(ConfigErrors, AllAtOnce) {
  const std::string message = error_of(ErrorKind::usage, [] {
    ToyOptions options;
    Config::parse("seed: 3\nmodel:\n  layer: s4d\noptim:\n  learning_rate: 1\nseed: 4\n", "x.yaml",
                  {"limit=many"})
        .read(options);
  });
  EXPECT_EQ(message,
            "x.yaml:2:1: error: missing key `model.d_model`\n"
            "    2 | model:\n"
            "      | ^~~~~ `d_model`: width\n"
            "x.yaml:5:3: error: unknown key `optim.learning_rate`\n"
            "    5 |   learning_rate: 1\n"
            "      |   ^~~~~~~~~~~~~ did you mean `lr`? (keys here: lr, betas, groups)\n"
            "x.yaml:6:1: error: duplicate key `seed` (first at line 1)\n"
            "    6 | seed: 4\n"
            "      | ^~~~\n"
            "override `limit=many`: error: `limit` is the string `many`, expected an integer "
            "greater than 0");
}

TEST(ConfigErrors, Syntax) {
  expect_messages({
      {"seed: [1, 2\n",
       {},
       "x.yaml:1:7: error: a `[` that is never closed\n"
       "    1 | seed: [1, 2\n"
       "      |       ^"},
      {"seed: 1\nmodel\n",
       {},
       "x.yaml:2:1: error: `model` is empty, expected a mapping from keys to values\n"
       "    2 | model\n"
       "      | ^~~~~"},
      {"model:\n\td_model: 1\n",
       {},
       "x.yaml:2:9: error: a tab in the indentation; YAML is indented with spaces\n"
       "    2 | \td_model: 1\n"
       "      | \t       ^"},
      {"model:\n    d_model: 1\n  layer: s4d\n",
       {},
       "x.yaml:3:3: error: text that belongs to nothing before it; check quotes and indentation\n"
       "    3 |   layer: s4d\n"
       "      |   ^"},
      {"name: \"run\n",
       {},
       "x.yaml:1:7: error: a quote that is never closed\n"
       "    1 | name: \"run\n"
       "      |       ^"},
      {"seed: 1: 2\n",
       {},
       "x.yaml:1:8: error: a `:` where no key can stand; a value that holds `: ` stands in quotes\n"
       "    1 | seed: 1: 2\n"
       "      |        ^"},
      {"seed: *n\n",
       {},
       "x.yaml:1:7: error: an alias of no anchor; a value that starts with `*` stands in quotes\n"
       "    1 | seed: *n\n"
       "      |       ^"},
      {"- 1\n- 2\n",
       {},
       "x.yaml:1:1: error: expected keys and values, `key: value`\n"
       "    1 | - 1\n"
       "      | ^"},
      {"hello\n",
       {},
       "x.yaml:1:1: error: expected keys and values, `key: value`\n"
       "    1 | hello\n"
       "      | ^~~~~"},
      {std::string(good) + "---\nseed: 2\n",
       {},
       "x.yaml:3:1: error: a second document; a config is one\n"
       "    3 | ---\n"
       "      | ^"},
      {"? [a]\n: 1\n",
       {},
       "x.yaml:1:3: error: a key must be a word\n"
       "    1 | ? [a]\n"
       "      |   ^"},
      {"~: 1\n",
       {},
       "x.yaml:1:1: error: a key must be a word\n"
       "    1 | ~: 1\n"
       "      | ^"},
      {"seed: &a 1\n*a : 2\n",
       {},
       "x.yaml:2:1: error: a key must be a word, not an alias\n"
       "    2 | *a : 2\n"
       "      | ^"},
      {std::string(good) + "limit: !!int 5\n",
       {},
       "x.yaml:3:8: error: tags are refused; types are known without them\n"
       "    3 | limit: !!int 5\n"
       "      |        ^"},
      {std::string(good) + "optim:\n  <<: {lr: 1}\n",
       {},
       "x.yaml:4:3: error: merge keys are refused\n"
       "    4 |   <<: {lr: 1}\n"
       "      |   ^~ `extends: FILE` at the top of a config builds on another one"},
      {std::string(good) + "optim: {lr: 1, betas: [0, 0], lr: 2}\n",
       {},
       "x.yaml:3:31: error: duplicate key `lr` (first at line 3)\n"
       "    3 | optim: {lr: 1, betas: [0, 0], lr: 2}\n"
       "      |                               ^~"},
      {std::string(good) + "name: a\n\nname: b\nname: c\n",
       {},
       "x.yaml:5:1: error: duplicate key `name` (first at line 3)\n"
       "    5 | name: b\n"
       "      | ^~~~\n"
       "x.yaml:6:1: error: duplicate key `name` (first at line 3)\n"
       "    6 | name: c\n"
       "      | ^~~~"},
      {std::string(good) + "name: a\377b\n",
       {},
       "x.yaml:3:8: error: a byte that is not UTF-8\n"
       "  a config is UTF-8 text"},
      {std::string(good) + "name: \"a\\0b\"\n",
       {},
       "x.yaml:3:7: error: a string with a NUL in it\n"
       "    3 | name: \"a\\0b\"\n"
       "      |       ^~~~~~"},
      {std::string(good) + "name: \033[31m\n",
       {},
       "x.yaml:3:7: error: a control character\n"
       "  a config is UTF-8 text"},
      {"extends: a.yaml\nseed: 1\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:10: error: `extends` stands in a file; this text is in none\n"
       "    1 | extends: a.yaml\n"
       "      |          ^~~~~~"},
  });
}

TEST(ConfigErrors, Keys) {
  expect_messages({
      {"sede: 1\nseed: 1\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:1: error: unknown key `sede`\n"
       "    1 | sede: 1\n"
       "      | ^~~~ did you mean `seed`? (keys here: name, seed, verbose, limit, root, sizes, "
       "tags, model, optim)"},
      {std::string(good) + "lr: 1\n",
       {},
       "x.yaml:3:1: error: unknown key `lr`\n"
       "    3 | lr: 1\n"
       "      | ^~ did you mean `optim.lr`? (keys here: name, seed, verbose, limit, root, sizes, "
       "tags, model, optim)"},
      {std::string(good) + "zebra: 1\n",
       {},
       "x.yaml:3:1: error: unknown key `zebra`\n"
       "    3 | zebra: 1\n"
       "      | ^~~~~ (keys here: name, seed, verbose, limit, root, sizes, tags, model, optim)"},
      {"seed: 1\nmodel:\n  layer: s4d\n",
       {},
       "x.yaml:2:1: error: missing key `model.d_model`\n"
       "    2 | model:\n"
       "      | ^~~~~ `d_model`: width"},
      {"",
       {},
       "x.yaml:1:1: error: missing key `seed`\n"
       "  `seed`: of everything random\n"
       "x.yaml:1:1: error: missing key `model.d_model`\n"
       "  `d_model`: width\n"
       "x.yaml:1:1: error: missing key `model.layer`\n"
       "  kinds of layer: identity, mamba1, s4d"},
      {"seed: 1\nmodel:\n  d_model: 8\n  layer: s5d\n  anything: 1\n",
       {},
       "x.yaml:4:10: error: unknown layer `s5d` in `model.layer`\n"
       "    4 |   layer: s5d\n"
       "      |          ^~~ did you mean `s4d`? (kinds: identity, mamba1, s4d)"},
      {"seed: 1\nmodel:\n  d_model: 8\n  d_state: 4\n",
       {},
       "x.yaml:2:1: error: missing key `model.layer`\n"
       "    2 | model:\n"
       "      | ^~~~~ kinds of layer: identity, mamba1, s4d"},
      {"seed: 1\nmodel: {d_model: 8, layer: [s4d]}\n",
       {},
       "x.yaml:2:28: error: `model.layer` is a list, expected a kind of layer\n"
       "    2 | model: {d_model: 8, layer: [s4d]}\n"
       "      |                            ^ kinds: identity, mamba1, s4d"},
      {"seed: 1\nmodel: {d_model: 8, layer: s4d, expand: 2}\n",
       {},
       "x.yaml:2:33: error: unknown key `model.expand` (kind: s4d)\n"
       "    2 | model: {d_model: 8, layer: s4d, expand: 2}\n"
       "      |                                 ^~~~~~ (keys here: d_model, dropout, norm, layer, "
       "d_state, dt_min)"},
      {"seed: 1\nmodel: {d_model: 8, layer: mamba1}\n",
       {},
       "x.yaml:2:1: error: missing key `model.expand`\n"
       "    2 | model: {d_model: 8, layer: mamba1}\n"
       "      | ^~~~~ `expand`: inner width over width"},
      {std::string(good) + "optim: {groups: {matrx: {lr: 1}}}\n",
       {},
       "x.yaml:3:18: error: unknown key `optim.groups.matrx`\n"
       "    3 | optim: {groups: {matrx: {lr: 1}}}\n"
       "      |                  ^~~~~ did you mean `matrix`? (keys here: matrix, ssm_a)"},
  });
}

TEST(ConfigErrors, Overrides) {
  expect_messages({
      {good, {"seed"}, "override `seed`: error: expected key=value, such as train.steps=100"},
      {good, {"=3"}, "override `=3`: error: expected key=value, such as train.steps=100"},
      {good,
       {"optim..lr=3"},
       "override `optim..lr=3`: error: expected key=value, such as train.steps=100"},
      {good, {"name="}, "override `name=`: error: `name` is empty, expected a string"},
      {good, {"sizes=[1, 2"}, "override `sizes=[1, 2`: error: a `[` that is never closed"},
      {good,
       {"sizes=[1] 2"},
       "override `sizes=[1] 2`: error: text that belongs to nothing before it; check quotes and "
       "indentation"},
      {good,
       {"optim.learning_rate=1"},
       "override `optim.learning_rate=1`: error: unknown key `optim.learning_rate`\n"
       "  did you mean `lr`? (keys here: lr, betas, groups)"},
      {good,
       {"optim.lr=fast"},
       "override `optim.lr=fast`: error: `optim.lr` is the string `fast`, expected a number "
       "greater than 0"},
      {good,
       {"seed.x=1"},
       "override `seed.x=1`: error: `seed` is a mapping, expected an integer at least 0"},
      {good,
       {"extends=a.yaml"},
       "override `extends=a.yaml`: error: only a file can say what it extends"},
      {good,
       {"seed=null"},
       "override `seed=null`: error: `seed` is null, expected an integer at least 0"},
      {good,
       {"optim={lr: 1, lr: 2}"},
       "override `optim={lr: 1, lr: 2}`: error: duplicate key `lr`"},
      {good, {"name=a\033b"}, "override `name=a\\x1bb`: error: a control character"},
  });
}

TEST(ConfigErrors, References) {
  expect_messages({
      {std::string(good) + "name: ${nam}\n",
       {},
       "x.yaml:3:7: error: `${nam}`: no such key is given; a default has no text to refer to\n"
       "    3 | name: ${nam}\n"
       "      |       ^~~~~~"},
      {std::string(good) + "name: ${optim.lr}\n",
       {},
       "x.yaml:3:7: error: `${optim.lr}`: no such key is given; a default has no text to refer to\n"
       "    3 | name: ${optim.lr}\n"
       "      |       ^~~~~~~~~~~"},
      {std::string(good) + "name: ${env:LW_NO_SUCH}\n",
       {},
       "x.yaml:3:7: error: the environment has no variable `LW_NO_SUCH`\n"
       "    3 | name: ${env:LW_NO_SUCH}\n"
       "      |       ^~~~~~~~~~~~~~~~~"},
      {std::string(good) + "name: a${b\n",
       {},
       "x.yaml:3:7: error: `${` without its `}`; the two letters themselves are written `$${`\n"
       "    3 | name: a${b\n"
       "      |       ^~~~"},
      {std::string(good) + "name: ${root}\nroot: ${name}\n",
       {},
       "x.yaml:4:7: error: `${name}` refers to itself\n"
       "    4 | root: ${name}\n"
       "      |       ^~~~~~~"},
      {std::string(good) + "name: x${name}\n",
       {},
       "x.yaml:3:7: error: `${name}` refers to itself\n"
       "    3 | name: x${name}\n"
       "      |       ^~~~~~~~"},
      {std::string(good) + "name: ${sizes}\nsizes: [1]\n",
       {},
       "x.yaml:3:7: error: `${sizes}` is no single value that could be put in here\n"
       "    3 | name: ${sizes}\n"
       "      |       ^~~~~~~~"},
      {"seed: ${name}\nname: many\nmodel: {d_model: 8, layer: s4d}\n",
       {},
       "x.yaml:1:7: error: `seed` is the string `many`, expected an integer at least 0\n"
       "    1 | seed: ${name}\n"
       "      |       ^~~~~~~"},
  });
}

}  // namespace
}  // namespace lw
