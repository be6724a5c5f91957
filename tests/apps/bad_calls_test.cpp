// Flags, arguments and commands that are wrong.
#include "layers/sequence_layer.h"
#include "tests/apps/bad_input.h"

namespace lw {
namespace {

TEST_F(BadInput, CommandsAndFlags) {
  const BadInputCase table[] = {
      {"", "trian digits.yaml", 2,
       R"(longwave: error: there is no command `trian`
  did you mean `train`?
  longwave --help shows how it is used
)"},
      {"", "evla digits", 2,
       R"(longwave: error: there is no command `evla`
  did you mean `eval`?
  longwave --help shows how it is used
)"},
      {"", "frobnicate", 2,
       R"(longwave: error: there is no command `frobnicate`
  longwave --help shows how it is used
)"},
      {"", "--verison", 2,
       R"(longwave: error: there is no flag `--verison`
  did you mean `--version`?
  longwave --help shows how it is used
)"},
      {"", "train", 2,
       R"(longwave train: error: config is required
  longwave train --help shows how it is used
)"},
      {"", "train digits.yaml --runs-dir x", 2,
       R"(longwave train: error: there is no flag `--runs-dir`
  did you mean `--run-dir`?
  longwave train --help shows how it is used
)"},
      {"", "train digits.yaml --run-dir", 2,
       R"(longwave train: error: --run-dir: its value is missing
  longwave train --help shows how it is used
)"},
      {"", "train digits.yaml train.steps", 2,
       R"(longwave train: error: key=value: expected key=value, received `train.steps`
  longwave train --help shows how it is used
)"},
      {"", "train digits.yaml --threads 0", 2,
       R"(longwave train: error: --threads: expected an integer from 1 to 4096, received `0`
  longwave train --help shows how it is used
)"},
      {"", "train digits.yaml --threads many", 2,
       R"(longwave train: error: --threads: expected an integer from 1 to 4096, received `many`
  longwave train --help shows how it is used
)"},
      {"", "train digits.yaml --threads 99999999999", 2,
       R"(longwave train: error: --threads: expected an integer from 1 to 4096, received `99999999999`
  longwave train --help shows how it is used
)"},
      {"", "eval digits --split test --split val", 2,
       R"(longwave eval: error: --split is given more than once
  longwave eval --help shows how it is used
)"},
      {"", "train digits.yaml --run-dir ''", 2,
       R"(longwave train: error: --run-dir: expected a path or a name, received nothing
  longwave train --help shows how it is used
)"},
      {"", "ckpt ls ''", 2,
       R"(longwave ckpt: error: path: expected a path or a name, received nothing
  longwave ckpt --help shows how it is used
)"},
      {"", "train digits.yaml -x", 2,
       R"(longwave train: error: there is no flag `-x`
  longwave train --help shows how it is used
)"},
      {"", "eval", 2,
       R"(longwave eval: error: run is required
  longwave eval --help shows how it is used
)"},
      {"", "eval digits --split tset", 2,
       R"(longwave eval: error: --split: expected one of: train, val, test, received `tset`
  did you mean `test`?
  longwave eval --help shows how it is used
)"},
      {"", "eval digits extra", 2,
       R"(longwave eval: error: key=value: expected key=value, received `extra`
  longwave eval --help shows how it is used
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, ValuesOfFlags) {
  const BadInputCase table[] = {
      {"", "generate text --top-p 1.5", 2,
       R"(longwave generate: error: --top-p: expected a number from 0 to 1, received `1.5`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --top-p most", 2,
       R"(longwave generate: error: --top-p: expected a number from 0 to 1, received `most`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --max-tokens -1", 2,
       R"(longwave generate: error: --max-tokens: expected an integer at least 0, received `-1`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --max-tokens 1.5", 2,
       R"(longwave generate: error: --max-tokens: expected an integer at least 0, received `1.5`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --temperature -1", 2,
       R"(longwave generate: error: --temperature: expected a number at least 0, received `-1`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --temperature nan", 2,
       R"(longwave generate: error: --temperature: expected a number at least 0, received `nan`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --seed -1", 2,
       R"(longwave generate: error: --seed: expected an integer at least 0, received `-1`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --top-k -1", 2,
       R"(longwave generate: error: --top-k: expected an integer at least 0, received `-1`
  longwave generate --help shows how it is used
)"},
      {"", "generate text --repetition-penalty 0", 2,
       R"(longwave generate: error: --repetition-penalty: expected a number greater than 0, received `0`
  longwave generate --help shows how it is used
)"},
      {"", "predict digits", 2,
       R"(longwave predict: error: file is required
  longwave predict --help shows how it is used
)"},
      {"", "help trian", 2,
       R"(longwave help: error: there is no command `trian`
  did you mean `train`?
)"},
      {"", "help inspect hipo", 2,
       R"(longwave help: error: there is no command `inspect hipo`
  did you mean `hippo`?
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, ConfigDataAndCheckpointCommands) {
  const BadInputCase table[] = {
      {"", "config prnit digits.yaml", 2,
       R"(longwave config: error: action: expected one of: print, validate, schema, received `prnit`
  did you mean `print`?
  longwave config --help shows how it is used
)"},
      {"", "config print", 2,
       R"(longwave config: error: config print: no config is given
  for example longwave config print configs/digits.yaml
)"},
      {"", "config print nowhere.yaml", 2,
       R"(nowhere.yaml: error: no such file
)"},
      {"", "config validate digits.yaml model.layer=mamba11", 2,
       R"(override `model.layer=mamba11`: error: unknown layer `mamba11` in `model.layer`
  did you mean `mamba1`? (kinds: ...)
)"},
      {"", "config schema digits.yaml", 2,
       R"(longwave config: error: config schema: expected no config, received `digits.yaml`; the schema is that of every config
)"},
      {"", "data fech mnist", 2,
       R"(longwave data: error: action: expected one of: fetch, inspect, received `fech`
  did you mean `fetch`?
  longwave data --help shows how it is used
)"},
      {"", "data fetch minst", 2,
       R"(longwave data: error: there is no dataset `minst` to fetch; there are mnist, tinyshakespeare, ett
  did you mean `mnist`?
)"},
      {"", "data fetch mnist", 2,
       R"(longwave data: error: data fetch mnist: no folder to put the files in
  name one with --to DIR, or set LONGWAVE_DATA to the folder above mnist/
)"},
      {"", "data fetch mnist --to x --from nowhere", 3,
       R"(nowhere: error: there is no such folder
)"},
      {"", "data fetch mnist --to x --from mnist", 3,
       R"(mnist/train-images-idx3-ubyte: error: not the pinned file: its SHA-256 is 936d716b3f77e8c26782d9737fa26a91761725c2b2344e102676a72a4d809bfa, expected ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
)"},
      {"", "data inspect nowhere.yaml", 2,
       R"(nowhere.yaml: error: no such file
)"},
      {"", "data inspect digits.yaml --from x", 2,
       R"(longwave data: error: data inspect: --from and --to are for data fetch
)"},
      {"", "ckpt verfy digits", 2,
       R"(longwave ckpt: error: action: expected one of: ls, inspect, verify, received `verfy`
  did you mean `verify`?
  longwave ckpt --help shows how it is used
)"},
      {"", "ckpt verify", 2,
       R"(longwave ckpt: error: path is required
  longwave ckpt --help shows how it is used
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, CheckAndBench) {
  std::string unknown_layer =
      "longwave check: error: there is no layer `s4dd`\n  did you mean `s4d`? layers: ";
  for (const std::string& kind : SequenceLayers::Choice(sequence_layers()).kinds())
    unknown_layer += kind + ", ";
  unknown_layer.replace(unknown_layer.size() - 2, 2, "; or all\n");
  const BadInputCase table[] = {
      {"", "check layer", 2,
       R"(longwave check: error: name is required
  longwave check --help shows how it is used
)"},
      {"", "check layers s4d", 2,
       R"(longwave check: error: what: expected one of: layer, model, received `layers`
  did you mean `layer`?
  longwave check --help shows how it is used
)"},
      {"", "check layer s4dd", 2, unknown_layer.c_str()},
      {"", "check layer s4d d_state=3", 2,
       R"(check layer:1:23: error: `d_state` is 3, expected an integer at least 2 and even
    1 | {layer: s4d, d_state: 3}
      |                       ^
)"},
      {"", "check layer s4d d_stat=4", 2,
       R"(check layer:1:14: error: unknown key `d_stat` (kind: s4d)
    1 | {layer: s4d, d_stat: 4}
      |              ^~~~~~ did you mean `d_state`? (keys here: ...)
)"},
      {"", "check layer all d_state=4", 2,
       R"(longwave check: error: check layer all: expected no `d_state=4`; options go with one layer, for example longwave check layer s4d d_state=8
)"},
      {"", "bench op", 2,
       R"(longwave bench: error: name is required
  longwave bench --help shows how it is used
)"},
      {"", "bench op long_con", 2,
       R"(longwave bench: error: bench op: there is no op `long_con`, did you mean `long_conv`?
  ops: ...
)"},
      {"", "bench op long_conv --shape B=0", 2,
       R"(longwave bench: error: --shape: `B=0`: expected a positive decimal number
)"},
      {"", "bench op long_conv --shape B", 2,
       R"(longwave bench: error: --shape: `B` is not one of the sizes of long_conv: B D L
)"},
      {"", "bench op long_conv --shape Q=3", 2,
       R"(longwave bench: error: --shape: `Q=3` is not one of the sizes of long_conv: B D L
)"},
      {"", "bench op long_conv --dtype f16", 2,
       R"(longwave bench: error: --dtype: expected one of: f32, f64, received `f16`
  did you mean `f32`?
  longwave bench --help shows how it is used
)"},
      {"", "bench op long_conv seed=1", 2,
       R"(longwave bench: error: bench op: expected no `seed=1`; sizes are given with --shape, for example --shape B=4,L=256
)"},
      {"", "bench stpe digits.yaml", 2,
       R"(longwave bench: error: what: expected one of: op, layer, step, generate, machine, received `stpe`
  did you mean `step`?
  longwave bench --help shows how it is used
)"},
      {"", "bench step nowhere.yaml", 2,
       R"(nowhere.yaml: error: no such file
)"},
      {"", "bench generate digits.yaml", 2,
       R"(longwave bench: error: generate: this model is not a language model: it does not predict the next token
)"},
      {"", "bench generate text.yaml model.d_model=1000000", 5,
       R"(longwave bench: error: out of memory: ... bytes were asked for while tensors hold ...
)"},
      {"", "bench step digits.yaml model.d_model=1000000", 5,
       R"(longwave bench: error: out of memory: ... bytes were asked for while tensors hold ...
  a larger train.accumulate computes a batch in more parts, to the same result; a smaller
  train.batch, data.length or model needs less too
)"},
      {"", "doctor all", 2,
       R"(longwave doctor: error: unexpected argument `all`
  longwave doctor --help shows how it is used
)"},
      {"", "doctor --jsn", 2,
       R"(longwave doctor: error: there is no flag `--jsn`
  did you mean `--json`?
  longwave doctor --help shows how it is used
)"},
      {"", "version 2", 2,
       R"(longwave version: error: unexpected argument `2`
  longwave version --help shows how it is used
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, FlagsOfOtherBenches) {
  const BadInputCase table[] = {
      {"", "bench step digits.yaml --shape B=3", 2,
       R"(longwave bench: error: bench step: --shape is for bench op and layer; here the sizes are the config's, for example train.batch=8
)"},
      {"", "bench machine --shape B=3", 2,
       R"(longwave bench: error: bench machine: --shape is for bench op and layer
)"},
      {"", "bench generate text.yaml --device cpu", 2,
       R"(longwave bench: error: bench generate: --device is for bench op, layer and machine; here the config names it, for example device=cuda
)"},
      {"", "bench layer s4d --dtype f32", 2,
       R"(longwave bench: error: bench layer: --dtype is for bench op
)"},
      {"", "bench step digits.yaml --weights int8", 2,
       R"(longwave bench: error: bench step: --weights is for bench generate
)"},
      {"", "bench op add --tokens 4", 2,
       R"(longwave bench: error: bench op: --tokens is for bench generate
)"},
      {"", "bench generate text.yaml --rounds 2", 2,
       R"(longwave bench: error: bench generate: --rounds is for bench op, layer and step
)"},
      {"", "bench machine --dump x.h5", 2,
       R"(longwave bench: error: bench machine: --dump is for bench op, layer, step and generate
)"},
      {"", "bench op add --profile", 2,
       R"(longwave bench: error: bench op: --profile is for bench step and generate
)"},
  };
  expect_refused(table);
}

}  // namespace
}  // namespace lw
