#!/usr/bin/env bash
# apps/custom_layer against the installed package: installs, builds with find_package, checks the layer, trains,
# resumes, and compares the resumed run with one that was not stopped.
#
#   custom_layer_test.sh SOURCE BUILD CXX
set -euo pipefail
export CMAKE_GENERATOR=Ninja  # what ./lw installs
source=$1 build=$2
export CXX=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset LD_LIBRARY_PATH

# expect CODE COMMAND...: the command exits with this code; its output is in the file `output`.
expect() {
  local expected=$1 code=0
  shift
  "$@" >output 2>&1 || code=$?
  if ((code != expected)); then
    echo "\`$*\` exited with $code, expected $expected:" >&2
    tail -n 40 output >&2
    exit 1
  fi
}

expect 0 cmake --install "$build" --prefix "$work/prefix"
expect 0 "$work/prefix/bin/longwave" version
mv prefix moved
expect 0 "$work/moved/bin/longwave" version

expect 0 cmake -S "$source/apps/custom_layer" -B project -DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE=Release
expect 0 cmake --build project
program=project/custom_layer config=$source/apps/custom_layer/gated_ema.yaml

expect 0 "$program" check layer gated_ema --json
grep -q '"property":"gradient f64"' output

small=(data.size=8 data.train=100 data.validation=20 data.test=20 train.batch=10 train.eval_every=0)
expect 0 "$program" train "$config" "${small[@]}" train.steps=6 --run-dir whole
expect 0 "$program" train "$config" "${small[@]}" train.steps=3 --run-dir parts
expect 0 "$program" train --resume auto parts train.steps=6
expect 0 "$program" ckpt verify parts
expect 0 cmp whole/ckpt/step-00000006/model.h5 parts/ckpt/step-00000006/model.h5
expect 0 "$program" eval parts --json
grep -q '"accuracy":' output

expect 2 "$program" config validate "$config" model.memory=1
grep -q 'model.memory' output
expect 2 "$work/moved/bin/longwave" config validate "$config"
grep -q 'gated_ema' output
