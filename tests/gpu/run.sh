#!/usr/bin/env bash
# Tests and times Longwave on the GPU of this machine; part of a bundle (bundle.sh).
#
#   run.sh RESULTS [PART...]      PART: tests, ops, steps, peers, training, sanitizers, ranks; all unless named
#
# RESULTS gets a table in Markdown and the whole output of each part. Exit code 1 if a test or a sanitizer failed.
# JOBS: how many tests run at a time (default: half the cores).
# LONGWAVE_DATA names the folder of the datasets; without it what needs files is left out, and said at the end.
set -uo pipefail
bundle=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
results=${1:?a folder for the results}
shift
parts=("$@")
all_parts=(tests ops steps peers training sanitizers ranks)
((${#parts[@]})) || parts=("${all_parts[@]}")
for part in "${parts[@]}"; do
  [[ " ${all_parts[*]} " == *" $part "* ]] || { echo "there is no part \`$part\`; parts: ${all_parts[*]}" >&2; exit 2; }
done
mkdir -p "$results" || exit 7
failed=0
left_out=()
leave_out() { echo "left out: $*"; left_out+=("$*"); }
jobs=${JOBS:-$((($(nproc) + 1) / 2))}

# NVIDIA's libraries, wherever this machine keeps them: a toolkit, or the packages of the Python of the comparisons.
export PATH=$PATH:/usr/local/cuda/bin
python=${PYTHON:-python3}
packages=$("$python" -c 'import nvidia; print("\n".join(nvidia.__path__))' 2>/dev/null)
nvidia=$(find -L /usr/local/cuda*/lib64 /usr/lib /usr/local/lib /opt $packages \
  \( -name 'libcublasLt.so.13*' -o -name 'libnccl.so.2' \) -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)
export LD_LIBRARY_PATH=$bundle/longwave/lib:$bundle/lib:$nvidia${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
longwave=$bundle/longwave/bin/longwave
card=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1)
"$longwave" doctor >"$results/doctor.txt" 2>&1
cat "$results/doctor.txt"
if ! "$longwave" bench op add --shape B=1,L=1,D=1 --device cuda >/dev/null; then
  echo "error: longwave reaches no GPU here: the lines above say why; it needs a driver, and cuBLASLt and NCCL of CUDA 13" >&2
  exit 2
fi

head_of() { printf '%s, %s, Longwave %s\n\n' "$(date -u +%F)" "$card" "$("$longwave" version | head -n 1)"; }

# verdict NAME LOG COMMAND...: a line `NAME SECONDS STATUS` for how the command ended; its output is kept if it failed.
verdict() {
  local name=$1 log=$2 status=passed
  shift 2
  SECONDS=0
  "$@" >"$log" 2>&1 || status="**failed ($?)**"
  [[ $status == passed ]] && rm "$log"
  echo "$name $SECONDS $status"
}
test_one() {
  verdict "$(basename "$1")" "$results/$(basename "$1").log" env LW_DEVICE=cuda timeout 300 "$1" --gtest_brief=1
}
# The caching allocator and NaN in new memory would hide what initcheck looks for.
sanitize_one() {
  local name
  name=$(basename "$2")
  verdict "$1 $name" "$results/$name.$1.log" env LW_POISON=0 LW_DEVICE=cuda timeout 300 compute-sanitizer --tool "$1" \
    --error-exitcode 9 --kernel-regex kns=lw "$2" --gtest_brief=1
}
export -f verdict test_one sanitize_one
export results

# A test keeps one core busy for most of its time, so several share the GPU.
run_tests() {
  local table=$results/tests.md
  { head_of; echo '| Test | Result | Seconds |'; echo '| --- | --- | ---: |'; } >"$table"
  printf '%s\n' "$bundle"/tests/*_test | xargs -P "$jobs" -I{} bash -c 'test_one "$1"' - {} | sort |
    sed -E 's/^(\S+) (\S+) (.*)$/| \1 | \3 | \2 |/' >>"$table"
  grep -c ' passed ' "$table"
  if grep failed "$table"; then failed=1; fi
}

run_sanitizers() {
  local table=$results/sanitizers.md tool
  command -v compute-sanitizer >/dev/null || { leave_out "sanitizers: there is no compute-sanitizer"; return; }
  { head_of; echo '| Tool | Test | Result | Seconds |'; echo '| --- | --- | --- | ---: |'; } >"$table"
  for tool in memcheck racecheck initcheck; do
    printf '%s\n' "$bundle"/tests/{kernels,ops}_*_test | sed "s/^/$tool /"
  done | xargs -P "$jobs" -L 1 bash -c 'sanitize_one "$1" "$2"' - | sort |
    sed -E 's/^(\S+) (\S+) (\S+) (.*)$/| \1 | \2 | \4 | \3 |/' >>"$table"
  grep -c ' passed ' "$table"
  if grep failed "$table"; then failed=1; fi
}

# field NAME: that field of the JSON object on stdin
field() { grep -oE "\"$1\":(\"[^\"]*\"|[-0-9.e+]+)" | head -n 1 | cut -d: -f2 | tr -d '"'; }

run_ops() {
  local table=$results/ops.md op line
  { head_of
    echo '| Op, at its default shape | Forward, ms | Share of floor | Backward, ms | Share of floor |'
    echo '| --- | ---: | ---: | ---: | ---: |'; } >"$table"
  "$longwave" bench machine --device cuda --json | tee -a "$results/machine.json"
  for op in $("$longwave" bench op - 2>&1 | sed -n 's/^ *ops://p'); do
    line=$("$longwave" bench op "$op" --device cuda --json 2>"$results/$op.log") || { failed=1; continue; }
    echo "$line" >>"$results/ops.json"
    printf '| %s | %.4f | %.2f | %.4f | %.2f |\n' "$op" $(for f in forward_ms share_of_floor backward_ms \
      backward_share_of_floor; do v=$(field $f <<<"$line"); echo "${v:-0}"; done) >>"$table"
    rm -f "$results/$op.log"
  done
  cat "$table"
}

run_steps() {
  local table=$results/steps.md config line
  { head_of
    echo '| Config | Step, ms | Forward | Backward | Update | Items/s | Peak bytes |'
    echo '| --- | ---: | ---: | ---: | ---: | ---: | ---: |'; } >"$table"
  local configs=("$bundle"/configs/{digits,bench/*,hippo/*,synthetic/*,lra/*}.yaml)  # those that need no files
  if [[ -n ${LONGWAVE_DATA-} ]]; then
    configs+=("$bundle"/configs/{mnist,text,forecast}/*.yaml)
  else
    leave_out "steps of mnist, text and forecast: LONGWAVE_DATA is not set"
  fi
  for config in "${configs[@]}"; do
    line=$("$longwave" bench step "$config" device=cuda --json 2>>"$results/steps.log") || { failed=1; continue; }
    printf '| %s | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f |\n' "${config#"$bundle"/configs/}" $(for f in step_ms \
      forward_ms backward_ms update_ms items_per_s peak_bytes; do v=$(field $f <<<"$line"); echo "${v:-0}"; done) >>"$table"
  done
  cat "$table"
}

# Beside PyTorch, where this machine's Python has it: $PYTHON, or python3.
run_peers() {
  local program=$results/longwave
  if ! LD_LIBRARY_PATH='' "$python" -c 'import h5py, numpy, torch; assert torch.cuda.is_available()' 2>"$results/peers.log"; then
    leave_out "peers: $python has no torch with CUDA, numpy and h5py ($(tail -n 1 "$results/peers.log"))"
    return
  fi
  # Python keeps the libraries that it came with; the program has its own.
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$LD_LIBRARY_PATH" "$longwave" >"$program"
  chmod +x "$program"
  LD_LIBRARY_PATH='' "$bundle/tests/benchmarks/run.sh" --device cuda --python "$python" --program "$program" \
    --out "$results/peers.md" 2>"$results/peers.log" || failed=1
}

# Several processes beside one: on GPUs of their own their gradients are summed by NCCL, on one GPU through the host.
run_ranks() {
  local table=$results/ranks.md gpus ranks rank processes=()
  gpus=$(nvidia-smi -L | wc -l) ranks=$((gpus > 1 ? gpus : 2))
  local training=("$bundle/configs/bench/mamba_lm.yaml" device=cuda "train.batch=$((4 * ranks))" train.steps=20 train.log_every=1)
  rm -rf "$results"/ranks-*
  "$longwave" train "${training[@]}" --run-dir "$results/ranks-one" >"$results/ranks.log" 2>&1 || failed=1
  for ((rank = 0; rank < ranks; ++rank)); do
    RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$ranks MASTER_ADDR=localhost MASTER_PORT=29400 \
      "$longwave" train "${training[@]}" --run-dir "$results/ranks-several" >>"$results/ranks.log" 2>&1 &
    processes+=($!)
  done
  for rank in "${processes[@]}"; do wait "$rank" || failed=1; done
  { head_of; echo "| Loss of step 20 | one process | $ranks processes, $gpus GPU(s) |"; echo '| --- | ---: | ---: |'
    echo "| | $(last_loss ranks-one) | $(last_loss ranks-several) |"; } >"$table"
  awk -v a="$(last_loss ranks-one)" -v b="$(last_loss ranks-several)" \
    'BEGIN { d = a - b; exit !(a > 0 && b > 0 && d < 1e-4 * a && -d < 1e-4 * a) }' ||
    { echo "ranks: **failed**: the losses differ" | tee -a "$table"; failed=1; }
  rm -rf "$results"/ranks-*
  cat "$table"
}
last_loss() { grep '"split":"train"' "$results/$1/metrics.jsonl" | tail -n 1 | field loss; }

run_training() {
  local table=$results/training.md config name
  [[ -n ${LONGWAVE_DATA-} ]] || { leave_out "training: LONGWAVE_DATA is not set"; return; }
  { head_of; echo '| Config | Last line of the test or validation split | Seconds |'; echo '| --- | --- | ---: |'; } >"$table"
  for config in mnist/s4d mnist/s4 mnist/mamba text/mamba_shakespeare text/mamba_shakespeare_large synthetic/selective_copying_4096; do
    name=${config/\//_} SECONDS=0
    "$longwave" train "$bundle/configs/$config.yaml" device=cuda --run-dir "$results/$name" >"$results/$name.log" 2>&1 ||
      failed=1
    echo "| $config | $(grep -E '"split":"(test|val)"' "$results/$name/metrics.jsonl" | tail -n 1) | $SECONDS |" >>"$table"
    cp "$results/$name/plots/loss.svg" "$results/$name.svg" 2>/dev/null
    rm -rf "${results:?}/$name"
  done
  cat "$table"
}

for part in "${parts[@]}"; do "run_$part"; done
((${#left_out[@]} == 0)) || printf 'left out: %s\n' "${left_out[@]}" | tee "$results/left_out.txt"
exit $failed
