#!/usr/bin/env bash
# Packs what a machine with a GPU needs to test and time Longwave, and nothing that it has itself: the program, the
# tests, the configs, and the Debian libraries they use. Such a machine needs a driver, cuBLASLt and NCCL of CUDA 13, and
# neither compiler nor network.
#
#   bundle.sh FOLDER [ARCHITECTURE]     FOLDER must be new; 90 (H100, H200) unless named
#
# FOLDER.tar.xz is the same in one file, for the way. On the GPU machine then: FOLDER/run.sh RESULTS
set -euo pipefail
source=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
bundle=${1:?a new folder for the bundle} architecture=${2:-90}
bundle=${bundle%/}
build=$source/build/cuda-$architecture
[[ ! -e $bundle ]] || { echo "$bundle: error: it exists already; name a new folder" >&2; exit 2; }
export PATH=$PATH:/usr/local/cuda/bin CCACHE_BASEDIR=$source CCACHE_NOHASHDIR=1

cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLW_CUDA=ON -DLW_TESTS=ON \
  -DLW_CUDA_ARCHITECTURES="$architecture-real"
cmake --build "$build"
cmake --install "$build" --prefix "$bundle/longwave" --strip

mkdir -p "$bundle"/{tests,lib}
cp -r "$source/configs" "$source/tests/gpu/run.sh" "$bundle"
cp "$build"/bin/{kernels,ops,layers,optim}_*_test "$bundle/tests"
cp "$build"/bin/{core_device_graph,core_readback,data_feed,apps_training_step}_test "$bundle/tests"
strip "$bundle"/tests/*
# What the machine brings itself: the C library, and everything of NVIDIA's.
ldd "$bundle"/tests/* "$bundle/longwave/bin/longwave" | awk '$2 == "=>" && $3 ~ "^/" {print $3}' | sort -u |
  grep -vE '/(libc|libm|libdl|librt|libpthread|libresolv|ld-linux[^/]*)\.so|/lib(cuda|cublas|nccl|nv)[^/]*\.so|liblongwave' |
  xargs -I{} cp -L {} "$bundle/lib"
strip --strip-unneeded "$bundle"/lib/*.so*
cp -r "$source/tests/benchmarks" "$bundle/tests"
tar -C "$(dirname "$bundle")" -cJf "$bundle.tar.xz" "$(basename "$bundle")"
du -sh "$bundle" "$bundle.tar.xz"
