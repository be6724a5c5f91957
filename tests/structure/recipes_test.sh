#!/usr/bin/env bash
# The recipes of CONTRIBUTING.md, followed in a copy of the sources: with the files of a recipe and its one line in a
# shared file the project configures; without any one of the files it does not, and says which is missing.
#
#   recipes_test.sh SOURCE CXX
set -euo pipefail
export CMAKE_GENERATOR=Ninja  # what ./lw installs
source=$1
export CXX=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp -r "$source"/{CMakeLists.txt,cmake,core,kernels,autograd,layers,optim,data,apps,tests} .

configures() {
  cmake -S . -B build -DLW_TESTS=OFF >output 2>&1
}

# follow RECIPE LIST LINE MODEL FILES...: adds `new_thing`, its files copied from those of MODEL, by LINE in LIST.
follow() {
  local recipe=$1 list=$2 line=$3 model=$4 file
  shift 4
  grep -q "^### $recipe\$" "$source/CONTRIBUTING.md" || { echo "CONTRIBUTING.md has no \"$recipe\"" >&2; exit 1; }
  local files=()
  for file in "$@"; do
    files+=("${file//NAME/new_thing}")
    mkdir -p "$(dirname "${files[-1]}")"
    cp "${file//NAME/$model}" "${files[-1]}"
  done
  cp "$list" list_before
  echo "$line" >>"$list"
  configures || { echo "$recipe: does not configure:" >&2; cat output >&2; exit 1; }
  for file in "${files[@]}"; do
    mv "$file" hidden
    if configures || ! grep -q "has no $file" output || ! tr -s '\n ' ' ' <output | grep -qF "CONTRIBUTING.md, \"$recipe\""; then
      echo "$recipe: nothing was said of the missing $file:" >&2
      cat output >&2
      exit 1
    fi
    mv hidden "$file"
  done
  rm "${files[@]}"
  mv list_before "$list"
}

follow "Add an op" kernels/CMakeLists.txt "lw_op(new_thing KERNEL)" mse autograd/ops/NAME.{h,cpp} tests/ops/NAME_test.cpp \
  kernels/NAME/{README.md,NAME.h,NAME_cpu.cpp,NAME_cuda.cu}
follow "Add an op" kernels/CMakeLists.txt "lw_kernel(new_thing)" accumulate kernels/NAME/{README.md,NAME.h,NAME_cpu.cpp,NAME_cuda.cu} \
  tests/kernels/NAME_test.cpp
follow "Add a layer" layers/CMakeLists.txt "lw_layer(new_thing)" mamba1 layers/NAME.{h,cpp} tests/layers/NAME_test.cpp
follow "Add an optimizer" optim/CMakeLists.txt "lw_optimizer(new_thing)" sgd optim/NAME.{h,cpp} tests/optim/NAME_test.cpp
follow "Add a dataset" data/CMakeLists.txt "lw_dataset(new_thing)" text data/NAME.{h,cpp} tests/data/NAME_test.cpp
