// Checkpoints that are damaged, missing, or those of another model.
#include "tests/apps/bad_input.h"

namespace lw {
namespace {

TEST_F(BadInput, DamagedCheckpoints) {
  const BadInputCase table[] = {
      {R"(printf '\377' | dd of=digits/ckpt/step-00000002/MANIFEST.json bs=1 seek=600 conv=notrunc status=none)",
       "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/MANIFEST.json: error: the manifest is damaged: its bytes do not have the digest in its last line
)"},
      {"truncate -s 500 digits/ckpt/step-00000002/MANIFEST.json", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/MANIFEST.json: error: the manifest is damaged: its bytes do not have the digest in its last line
)"},
      {"rm digits/ckpt/step-00000002/MANIFEST.json", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/MANIFEST.json: error: cannot open: No such file or directory
)"},
      {R"(printf '\377' | dd of=digits/ckpt/step-00000002/model.h5 bs=1 seek=600 conv=notrunc status=none)",
       "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/model.h5: error: damaged: its SHA-256 is not the manifest's
)"},
      {"truncate -s 500 digits/ckpt/step-00000002/model.h5", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/model.h5: error: 500 bytes, expected ...
)"},
      {"rm digits/ckpt/step-00000002/model.h5", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/model.h5: error: cannot open: No such file or directory
)"},
      {R"(printf '\377' | dd of=digits/ckpt/step-00000002/optim-0000-of-0001.h5 bs=1 seek=600 conv=notrunc status=none)",
       "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/optim-0000-of-0001.h5: error: damaged: its SHA-256 is not the manifest's
)"},
      {"truncate -s 500 digits/ckpt/step-00000002/optim-0000-of-0001.h5", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/optim-0000-of-0001.h5: error: 500 bytes, expected ...
)"},
      {"rm digits/ckpt/step-00000002/optim-0000-of-0001.h5", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/optim-0000-of-0001.h5: error: cannot open: No such file or directory
)"},
      {R"(printf '\377' | dd of=digits/ckpt/step-00000002/state.h5 bs=1 seek=600 conv=notrunc status=none)",
       "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/state.h5: error: damaged: its SHA-256 is not the manifest's
)"},
      {"truncate -s 500 digits/ckpt/step-00000002/state.h5", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/state.h5: error: 500 bytes, expected ...
)"},
      {"rm digits/ckpt/step-00000002/state.h5", "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/state.h5: error: cannot open: No such file or directory
)"},
      {R"(cd digits/ckpt/step-00000002/ && sed 's/"min_reader":1/"min_reader":9/' MANIFEST.json | head -c -86 > new &&
printf '"manifest_sha256":"%s"}\n' $(sha256sum new | head -c 64) >> new && mv new MANIFEST.json)",
       "ckpt verify digits", 3,
       R"(digits/ckpt/step-00000002/MANIFEST.json: error: written by a newer Longwave: it needs a reader of version 9, this one is version 1
)"},
      {"truncate -s 500 digits/ckpt/step-00000002/model.h5", "eval digits", 3,
       R"(digits: error: every checkpoint of this run is damaged
  digits/ckpt/step-00000002: model.h5: 500 bytes, expected ...
  put back a copy of one of them, or start a new run
)"},
      {"truncate -s 500 digits/ckpt/step-00000002/model.h5", "eval digits/ckpt/step-00000002/", 3,
       R"(digits/ckpt/step-00000002/: error: model.h5: 500 bytes, expected ...
)"},
      {"truncate -s 500 digits/ckpt/step-00000002/state.h5",
       "train --resume auto digits train.steps=4", 3,
       R"(digits: error: every checkpoint of this run is damaged
  digits/ckpt/step-00000002: state.h5: 500 bytes, expected ...
  put back a copy of one of them, or start a new run
)"},
      {"rm -r digits/ckpt digits/config.resolved.yaml && mkdir digits/ckpt",
       "train --resume auto digits ", 3,
       R"(digits: error: there is no run in this folder to go on with
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, RunsThatCannotGoOn) {
  const BadInputCase table[] = {
      {"", "train --resume step=9 digits", 3,
       R"(digits: error: there is no checkpoint of step=9
  longwave ckpt ls digits lists those that there are
)"},
      {"", "train --resume step=x digits", 3,
       R"(digits: error: there is no checkpoint of step=x
  longwave ckpt ls digits lists those that there are
)"},
      {"", "train --resume nowhere digits", 3,
       R"(nowhere: error: there is no such run or checkpoint
)"},
      {"", "train --resume auto nowhere", 3,
       R"(nowhere: error: there is no run in this folder to go on with
)"},
      {"", "train --resume auto digits.yaml", 2,
       R"(digits.yaml: error: --resume takes the folder of a run alone, and goes on with the run's own config
  longwave train --resume auto RUN key=value changes it
)"},
      {"", "train --resume auto digits.yaml --run-dir digits", 2,
       R"(digits.yaml: error: --resume takes the folder of a run alone, and goes on with the run's own config
  longwave train --resume auto digits key=value changes it
)"},
      {"", "train --resume auto text --run-dir digits", 2,
       R"(text: error: --resume takes the folder of a run alone, and goes on with the run's own config
  longwave train --resume auto digits key=value changes it
)"},
      {"", "train --resume auto mnist", 3,
       R"(mnist: error: there is no run in this folder to go on with
)"},
      {"", "train --resume auto digits model.d_model=8 train.steps=4", 3,
       R"(digits/ckpt/step-00000002: error: the checkpoint's parameters are not those of the model
  of another shape or dtype:
    encoder.weight: the model has f32 [8, 1], the checkpoint f32 [4, 1]
    encoder.bias: the model has f32 [8], the checkpoint f32 [4]
    layers.0.norm.weight: the model has f32 [8], the checkpoint f32 [4]
    layers.0.norm.bias: the model has f32 [8], the checkpoint f32 [4]
    layers.0.layer.log_dt: the model has f32 [8], the checkpoint f32 [4]
    layers.0.layer.D: the model has f32 [8], the checkpoint f32 [4]
    layers.0.layer.log_A_real: the model has f32 [8, 32], the checkpoint f32 [4, 32]
    layers.0.layer.A_imag: the model has f32 [8, 32], the checkpoint f32 [4, 32]
    layers.0.layer.C_real: the model has f32 [8, 32], the checkpoint f32 [4, 32]
    layers.0.layer.C_imag: the model has f32 [8, 32], the checkpoint f32 [4, 32]
    and 5 more
  a model is built as it was saved from the config in the checkpoint
)"},
      {"", "train --resume auto digits optim.kind=sgd train.steps=4", 2,
       R"(digits/ckpt/step-00000002: error: the run was trained with optim.kind=adamw, not sgd
)"},
      {"", "train --resume auto digits data.train=30 train.steps=4", 3,
       R"(digits/ckpt/step-00000002: error: the data are not those that the run was started with
  expected  digits seed=0 size=8 train=20 noise=0.1 validation=5 length=64 permute=0
  received  digits seed=0 size=8 train=30 noise=0.1 validation=5 length=64 permute=0
  --init-from starts a new run from the weights
)"},
      {"", "train --resume auto digits data.permute=true train.steps=4", 3,
       R"(digits/ckpt/step-00000002: error: the data are not those that the run was started with
  expected  digits seed=0 size=8 train=20 noise=0.1 validation=5 length=64 permute=0
  received  digits seed=0 size=8 train=20 noise=0.1 validation=5 length=64 permute=1
  --init-from starts a new run from the weights
)"},
      {"", "train --resume auto digits --init-from text", 2,
       R"(longwave train: error: --init-from starts a new run; it does not go with --resume
)"},
      {"", "train digits.yaml --init-from nowhere", 3,
       R"(nowhere: error: there is no such run or checkpoint
)"},
      {"", "train digits.yaml --init-from series model.d_model=5", 3,
       R"(series/ckpt/step-00000001: error: the checkpoint's parameters are not those of the model
  of another shape or dtype:
    encoder.weight: the model has f32 [5, 1], the checkpoint f32 [4, 3]
    encoder.bias: the model has f32 [5], the checkpoint f32 [4]
    layers.0.norm.weight: the model has f32 [5], the checkpoint f32 [4]
    layers.0.norm.bias: the model has f32 [5], the checkpoint f32 [4]
    layers.0.layer.log_dt: the model has f32 [5], the checkpoint f32 [4]
    layers.0.layer.D: the model has f32 [5], the checkpoint f32 [4]
    layers.0.layer.log_A_real: the model has f32 [5, 32], the checkpoint f32 [4, 32]
    layers.0.layer.A_imag: the model has f32 [5, 32], the checkpoint f32 [4, 32]
    layers.0.layer.C_real: the model has f32 [5, 32], the checkpoint f32 [4, 32]
    layers.0.layer.C_imag: the model has f32 [5, 32], the checkpoint f32 [4, 32]
    and 6 more
  a model is built as it was saved from the config in the checkpoint
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, ModelsOfAnotherShape) {
  const BadInputCase table[] = {
      {"", "eval digits model.n_layers=2", 3,
       R"(digits/ckpt/step-00000002: error: the checkpoint's parameters are not those of the model
  in the model, not in the checkpoint:
    layers.1.norm.weight f32 [4]
    layers.1.norm.bias f32 [4]
    layers.1.layer.log_dt f32 [4]
    layers.1.layer.D f32 [4]
    layers.1.layer.log_A_real f32 [4, 32]
    layers.1.layer.A_imag f32 [4, 32]
    layers.1.layer.C_real f32 [4, 32]
    layers.1.layer.C_imag f32 [4, 32]
    layers.1.layer.mix.weight f32 [8, 4]
    layers.1.layer.mix.bias f32 [8]
  a model is built as it was saved from the config in the checkpoint
)"},
      {"", "eval digits model.layer=mamba1", 3,
       R"(digits/ckpt/step-00000002: error: the checkpoint's parameters are not those of the model
  in the model, not in the checkpoint:
    layers.0.layer.conv1d.weight f32 [8, 4]
    layers.0.layer.conv1d.bias f32 [8]
    layers.0.layer.dt_proj.weight f32 [8, 1]
    layers.0.layer.dt_proj.bias f32 [8]
    layers.0.layer.A_log f32 [8, 64]
    layers.0.layer.in_proj.weight f32 [16, 4]
    layers.0.layer.x_proj.weight f32 [129, 8]
    layers.0.layer.out_proj.weight f32 [4, 8]
  in the checkpoint, not in the model:
    layers.0.layer.A_imag f32 [4, 32]
    layers.0.layer.C_imag f32 [4, 32]
    layers.0.layer.C_real f32 [4, 32]
    layers.0.layer.log_A_real f32 [4, 32]
    layers.0.layer.log_dt f32 [4]
    layers.0.layer.mix.bias f32 [8]
    layers.0.layer.mix.weight f32 [8, 4]
  of another shape or dtype:
    layers.0.layer.D: the model has f32 [8], the checkpoint f32 [4]
  a model is built as it was saved from the config in the checkpoint
)"},
  };
  expect_refused(table);
}

TEST_F(BadInput, NoCheckpoints) {
  const BadInputCase table[] = {
      {"", "eval nowhere", 3,
       R"(nowhere: error: there is no such run or checkpoint
)"},
      {"", "eval mnist", 3,
       R"(mnist: error: this is no run and no checkpoint
)"},
      {"", "eval input.txt", 3,
       R"(input.txt: error: this is no run and no checkpoint
)"},
      {"", "eval text --split test", 2,
       R"(longwave eval: error: --split test: this dataset has no such split; try --split val
)"},
      {"", "ckpt verify nowhere", 3,
       R"(nowhere: error: there is no such run or checkpoint
)"},
      {"", "ckpt verify input.txt", 3,
       R"(input.txt: error: this is no run and no checkpoint
)"},
      {"", "ckpt ls mnist", 3,
       R"(mnist: error: this is no run and no checkpoint
)"},
      {"", "ckpt inspect nowhere", 3,
       R"(nowhere: error: there is no such run or checkpoint
)"},
      {"", "ckpt verify digits/ckpt/step-00000009", 3,
       R"(digits/ckpt/step-00000009: error: there is no such run or checkpoint
)"},
      {"ln -sfn step-00000009 digits/ckpt/best", "ckpt verify digits/ckpt/best", 3,
       R"(digits/ckpt/best: error: this link leads nowhere: there is no step-00000009
)"},
      {"ln -sfn step-00000009 digits/ckpt/best", "eval digits/ckpt/best", 3,
       R"(digits/ckpt/best: error: this link leads nowhere: there is no step-00000009
)"},
  };
  expect_refused(table);
}

}  // namespace
}  // namespace lw
