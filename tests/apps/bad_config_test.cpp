// Configs and overrides that are wrong, or ask for what does not fit together.
#include "tests/apps/bad_input.h"

namespace lw {
namespace {

TEST_F(BadInput, Yaml) {
  const BadInputCase table[] = {
      {R"(printf -- 'data: {kind: digits\nmodel: {layer: s4d}\n' > bad.yaml)", "train bad.yaml", 2,
       R"(bad.yaml:1:7: error: a `{` that is never closed
    1 | data: {kind: digits
      |       ^
)"},
      {R"(printf -- 'name: "never closed\n' > bad.yaml)", "train bad.yaml", 2,
       R"(bad.yaml:1:7: error: a quote that is never closed
    1 | name: "never closed
      |       ^
)"},
      {R"(printf -- 'data:\n	kind: digits\n' > bad.yaml)", "train bad.yaml", 2,
       R"(bad.yaml:2:6: error: a tab in the indentation; YAML is indented with spaces
    2 | 	kind: digits
      | 	    ^
)"},
      {R"(printf -- 'data: {files: [*.txt]}\n' > bad.yaml)", "train bad.yaml", 2,
       R"(bad.yaml:1:16: error: an alias of no anchor; a value that starts with `*` stands in quotes
    1 | data: {files: [*.txt]}
      |                ^
)"},
      {R"(printf -- 'name: a\nname: b\ndata: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:2:1: error: duplicate key `name` (first at line 1)
    2 | name: b
      | ^~~~
)"},
      {R"(printf -- '- a\n- b\n' > bad.yaml)", "train bad.yaml", 2,
       R"(bad.yaml:1:1: error: expected keys and values, `key: value`
    1 | - a
      | ^
)"},
      {"printf -- '' > bad.yaml", "train bad.yaml", 2,
       R"(bad.yaml:1:1: error: missing key `data.kind`
  kinds of dataset: ...
bad.yaml:1:1: error: missing key `model.layer`
  kinds of layer: ...
)"},
      {R"(printf -- 'just text\n' > bad.yaml)", "train bad.yaml", 2,
       R"(bad.yaml:1:1: error: expected keys and values, `key: value`
    1 | just text
      | ^~~~~~~~~
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, KeysAndValues) {
  const BadInputCase table[] = {
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\ntrian: {steps: 1}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:1: error: unknown key `trian`
    4 | trian: {steps: 1}
      | ^~~~~ did you mean `train`? (keys here: ...)
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\ntrain: {step: 1}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:9: error: unknown key `train.step`
    4 | train: {step: 1}
      |         ^~~~ did you mean `steps`? (keys here: ...)
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\ntrain: {steps: 1.5, batch: [4]}\nseed: many\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:16: error: `train.steps` is the number `1.5`, expected an integer greater than 0
    4 | train: {steps: 1.5, batch: [4]}
      |                ^~~
bad.yaml:4:28: error: `train.batch` is a list, expected an integer greater than 0
    4 | train: {steps: 1.5, batch: [4]}
      |                            ^
bad.yaml:5:7: error: `seed` is the string `many`, expected an integer at least 0
    5 | seed: many
      |       ^~~~
)"},
      {R"(printf -- 'data: digits\nmodel: s4d\noptim: {kind: adamw}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:1:7: error: `data` is the string `digits`, expected a mapping from keys to values
    1 | data: digits
      |       ^~~~~~
bad.yaml:2:8: error: `model` is the string `s4d`, expected a mapping from keys to values
    2 | model: s4d
      |        ^~~
)"},
      {R"(printf -- 'model: {layer: s4d}\noptim: {kind: adamw}\n' > bad.yaml)", "train bad.yaml", 2,
       R"(bad.yaml:1:1: error: missing key `data.kind`
  kinds of dataset: ...
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {d_model: 4}\noptim: {kind: adamw}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:2:1: error: missing key `model.layer`
    2 | model: {d_model: 4}
      | ^~~~~ kinds of layer: ...
)"},
      {R"(printf -- 'data: {kind: digits, size: 8}\nmodel: {layer: s4d, d_model: 4, n_layers: 1}\noptim: {kind: adamw}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:1:1: error: train: neither `steps` nor `epochs` is given
  say how long to train, for example train.steps=1000
)"},
      {R"(printf -- 'data: {kind: digit}\nmodel: {layer: s4dd}\noptim: {kind: adamm}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:1:14: error: unknown dataset `digit` in `data.kind`
    1 | data: {kind: digit}
      |              ^~~~~ did you mean `digits`? (kinds: ...)
bad.yaml:2:16: error: unknown layer `s4dd` in `model.layer`
    2 | model: {layer: s4dd}
      |                ^~~~ did you mean `s4d`? (kinds: ...)
bad.yaml:3:15: error: unknown optimizer `adamm` in `optim.kind`
    3 | optim: {kind: adamm}
      |               ^~~~~ did you mean `adam`? (kinds: ...)
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\nseed: -1\nprecision: f16\ndevice: gpu\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:7: error: `seed` is -1, expected an integer at least 0
    4 | seed: -1
      |       ^~
bad.yaml:5:12: error: `precision` is `f16`, expected one of: f32, bf16
    5 | precision: f16
      |            ^~~ did you mean `bf16`?
bad.yaml:6:9: error: `device` is `gpu`, expected one of: cpu, cuda
    6 | device: gpu
      |         ^~~ did you mean `cpu`?
)"},
      {R"(printf -- 'extends: nowhere.yaml\ndata: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:1:10: error: `nowhere.yaml`: no such file
    1 | extends: nowhere.yaml
      |          ^~~~~~~~~~~~
)"},
      {R"(printf -- 'extends: bad.yaml\ndata: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:1:10: error: `bad.yaml`: a config cannot extend itself
    1 | extends: bad.yaml
      |          ^~~~~~~~
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\nseed: 0x10\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:7: error: `seed` is the number `0x10`, expected an integer at least 0
    4 | seed: 0x10
      |       ^~~~ numbers are decimal, without leading zeros
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\nseed: 010\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:7: error: `seed` is the number `010`, expected an integer at least 0
    4 | seed: 010
      |       ^~~ numbers are decimal, without leading zeros
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\nseed: 99999999999999999999\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:7: error: `seed` is the integer `99999999999999999999`, expected an integer at least 0
    4 | seed: 99999999999999999999
      |       ^~~~~~~~~~~~~~~~~~~~ integers reach from -2^63 to 2^63 - 1
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw}\nseed:\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:4:1: error: `seed` is empty, expected an integer at least 0
    4 | seed:
      | ^~~~
)"},
      {R"(printf -- 'data: {kind: digits}\nmodel: {layer: s4d}\noptim: {kind: adamw, lr: .nan}\n' > bad.yaml)",
       "train bad.yaml", 2,
       R"(bad.yaml:3:26: error: `optim.lr` is the number `.nan`, expected a number at least 0
    3 | optim: {kind: adamw, lr: .nan}
      |                          ^~~~ numbers are finite
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, Overrides) {
  const BadInputCase table[] = {
      {"", "train nowhere.yaml", 2,
       R"(nowhere.yaml: error: no such file
)"},
      {"", "train digits", 2,
       R"(digits: error: this is a folder, expected a YAML file
)"},
      {"", "train digits.yaml seed=0x10", 2,
       R"(override `seed=0x10`: error: `seed` is the number `0x10`, expected an integer at least 0
  numbers are decimal, without leading zeros
)"},
      {"", "train digits.yaml seed=010", 2,
       R"(override `seed=010`: error: `seed` is the number `010`, expected an integer at least 0
  numbers are decimal, without leading zeros
)"},
      {"", "train digits.yaml seed=", 2,
       R"(override `seed=`: error: `seed` is empty, expected an integer at least 0
)"},
      {"", "train digits.yaml optim.lrr=1", 2,
       R"(override `optim.lrr=1`: error: unknown key `optim.lrr` (kind: adamw)
  did you mean `lr`? (keys here: ...)
)"},
      {"", "train digits.yaml lr=1", 2,
       R"(override `lr=1`: error: unknown key `lr`
  did you mean `optim.lr`? (keys here: ...)
)"},
      {"", "train digits.yaml =3", 2,
       R"(override `=3`: error: expected key=value, such as train.steps=100
)"},
      {"", "train digits.yaml model..d_model=3", 2,
       R"(override `model..d_model=3`: error: expected key=value, such as train.steps=100
)"},
      {"", "train digits.yaml model=3", 2,
       R"(override `model=3`: error: `model` is the integer `3`, expected a mapping from keys to values
)"},
      {"", "train digits.yaml model.layer.x=3", 2,
       R"(override `model.layer.x=3`: error: `model.layer` is a mapping, expected a kind of layer
  kinds: ...
)"},
      {"", "train digits.yaml train.steps=0", 2,
       R"(override `train.steps=0`: error: `train.steps` is 0, expected an integer greater than 0
)"},
      {"", "train digits.yaml optim.lr=fast", 2,
       R"(override `optim.lr=fast`: error: `optim.lr` is the string `fast`, expected a number at least 0
)"},
      {"", R"(train digits.yaml "data.kind=[digits")", 2,
       R"(override `data.kind=[digits`: error: a `[` that is never closed
)"},
      {"", "train digits.yaml device=cuda", 2,
       R"(longwave train: error: device: cuda is not available: this build has no CUDA
  use device=cpu
)"},
      {"", "train digits.yaml name=../../x", 2,
       R"(override `name=../../x`: error: name: `../../x` cannot name a folder: it may hold no `/`
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, ValuesThatDoNotGoTogetherAreToldAtOnce) {
  const char* setup =
      R"(printf -- 'data: {kind: digits, size: 8}\nmodel: {layer: s4d, d_model: 4, n_layers: 1}\noptim:\n  betas: [0.9]\n  schedule: {kind: step, warmup: 3, warmup_fraction: 0.1}\ntrain: {batch: 4, accumulate: 3}\n' > bad.yaml)";
  const char* message =
      R"(bad.yaml:4:10: error: optim.betas: expected two numbers, received 1
    4 |   betas: [0.9]
      |          ^
bad.yaml:5:20: error: schedule: kind `step` needs `milestones` or `every`
    5 |   schedule: {kind: step, warmup: 3, warmup_fraction: 0.1}
      |                    ^~~~
bad.yaml:5:34: error: schedule: expected `warmup` or `warmup_fraction`, received both
    5 |   schedule: {kind: step, warmup: 3, warmup_fraction: 0.1}
      |                                  ^
bad.yaml:6:1: error: train: neither `steps` nor `epochs` is given
    6 | train: {batch: 4, accumulate: 3}
      | ^~~~~ say how long to train, for example train.steps=1000
bad.yaml:6:16: error: train.batch is 4, which does not divide evenly by train.accumulate = 3
    6 | train: {batch: 4, accumulate: 3}
      |                ^
)";
  for (const char* call : {"config validate bad.yaml", "train bad.yaml"})
    expect_refused(BadInputCase{setup, call, 2, message});
}

TEST_F(BadInput, ThingsThatDoNotFit) {
  const BadInputCase table[] = {
      {"", "train digits.yaml train.batch=64", 2,
       R"(longwave train: error: train.batch is 64, but the training split has only 20 samples
)"},
      {"", "train digits.yaml train.steps=null train.epochs=1e300", 2,
       R"(override `train.epochs=1e300`: error: train.epochs is 1e+300: too many steps to be counted
)"},
      {"", "train digits.yaml model.d_model=100000000000000", 2,
       R"(override `model.d_model=100000000000000`: error: shape: [200000000000000, 100000000000000] has too many elements
  model.layer: digits.yaml:3, model.d_model: override
)"},
      {"", "train digits.yaml model.d_model=1000000", 5,
       R"(longwave train: error: out of memory: ... bytes were asked for while tensors hold ...
  a larger train.accumulate computes a batch in more parts, to the same result; a smaller
  train.batch, data.length or model needs less too
)"},
      {"", "train digits.yaml train.accumulate=3", 2,
       R"(override `train.accumulate=3`: error: train.batch is 4, which does not divide evenly by train.accumulate = 3
  train.batch: digits.yaml:4, train.accumulate: override
)"},
      {"", "train digits.yaml model.d_state=3", 2,
       R"(override `model.d_state=3`: error: `model.d_state` is 3, expected an integer at least 2 and even
)"},
      {"", "config validate digits.yaml model.n_ssm=3", 2,
       R"(digits.yaml:3:16: error: s4d: n_ssm is 3, which does not divide d_model = 4
    3 | model: {layer: s4d, d_model: 4, n_layers: 1}
      |                ^~~
)"},
      {"", "train digits.yaml model.layer=transformer model.heads=3", 2,
       R"(override `model.layer=transformer`: error: transformer: d_model is 4, which 3 heads do not divide into even parts
  take a multiple of 6
)"},
      {"", "train digits.yaml model.d_model=0", 2,
       R"(override `model.d_model=0`: error: `model.d_model` is 0, expected an integer greater than 0
)"},
      {"", "train digits.yaml optim.kind=sgd optim.nesterov=true", 2,
       R"(override `optim.nesterov=true`: error: sgd: nesterov needs a momentum above 0
)"},
      {"", "train digits.yaml data.length=65", 2,
       R"(longwave train: error: data.length is 65, but an image has 64 pixels
)"},
      {"", "train digits.yaml data.size=1", 2,
       R"(override `data.size=1`: error: `data.size` is 1, expected an integer at least 8 and at most 256
)"},
      {"", "train digits.yaml train.keep_last=-1", 2,
       R"(override `train.keep_last=-1`: error: `train.keep_last` is -1, expected an integer at least 0
)"},
      {"", "train digits.yaml --run-dir digits", 2,
       R"(digits: error: this folder holds a run already
  give another --run-dir, or go on with it: longwave train --resume auto digits
)"},
      {"", "train digits.yaml --run-dir input.txt", 2,
       R"(input.txt: error: this is a file, expected the folder of the run
)"},
      {"", "train series.yaml train.monitor=accuracy", 2,
       R"(longwave train: error: train.monitor is accuracy, but this task has none; use loss
)"},
      {"", "train text.yaml sample.tokens=5 sample.prompt=Xyz", 2,
       R"(longwave train: error: sample.prompt: text: the character `X` at byte 0 is not among the 16 characters of the training corpus
  take another prompt, or sample.tokens=0 for no samples
)"},
      {"", R"(train text.yaml sample.tokens=5 "sample.prompt=''")", 2,
       R"(override `sample.prompt=''`: error: `sample.prompt` is ``, expected at least one character
)"},
      {"", "config validate text.yaml name=", 2,
       R"(override `name=`: error: `name` is empty, expected at least one character
)"},
      {"", "config validate digits.yaml train.accumulate=8", 2,
       R"(override `train.accumulate=8`: error: train.batch is 4, which does not divide evenly by train.accumulate = 8
  train.batch: digits.yaml:4, train.accumulate: override
)"},
      {"", R"(train text.yaml "data.files=[*.txt]")", 2,
       R"(override `data.files=[*.txt]`: error: an alias of no anchor; a value that starts with `*` stands in quotes
)"},
  };
  expect_refused(table);
}

}  // namespace
}  // namespace lw
