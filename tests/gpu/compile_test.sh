#!/usr/bin/env bash
# The CUDA kernels compile without warnings for the GPU of this machine, or for sm_90, and a build with them starts,
# whether there is a GPU or not.
#
#   compile_test.sh SOURCE BUILD      77: there is no nvcc
set -euo pipefail
source=$1 build=$2
PATH=$PATH:/usr/local/cuda/bin
command -v nvcc >/dev/null || { echo "no nvcc: nothing is compiled"; exit 77; }
gpu=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .) || gpu=
export CCACHE_BASEDIR=$source CCACHE_NOHASHDIR=1
cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLW_TESTS=OFF -DLW_CUDA=ON \
  -DLW_CUDA_ARCHITECTURES="${gpu:-90}-real" \
  -DCMAKE_CUDA_FLAGS=-Werror=all-warnings >"$build.log" 2>&1 || { cat "$build.log"; exit 1; }
cmake --build "$build" --target longwave_program >"$build.log" 2>&1 ||
  { grep -E -A 3 'error|warning' "$build.log" | head -n 40; exit 1; }
found=$("$build/bin/longwave" doctor --json)
echo "$found" | grep '"device.cuda"'
if echo "$found" | grep -q 'this build has no CUDA'; then
  echo "error: a build with CUDA says that it has none"
  exit 1
fi
