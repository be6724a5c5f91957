#!/usr/bin/env bash
# One process of one and of two threads beside two processes of one thread, in turns. Prints the middle of the medians of
# a training step's time. Wants two cores that nothing else uses.
#
#   tests/benchmarks/ranks.sh CONFIG [key=value ...]      for example configs/mnist/s4d.yaml data.root=DIR
set -euo pipefail
here=$(dirname "$(realpath "$0")")
program=${LONGWAVE:-$here/../../build/release/bin/longwave}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rounds=5

# Trains for some steps, with the flags "$2", and prints the median of their times.
median_step() {  # THREADS FLAGS CONFIG [key=value ...]
  local threads=$1 flags=$2
  shift 2
  rm -rf "$scratch/run"
  # shellcheck disable=SC2086  # the words of the flags are arguments
  OMP_NUM_THREADS=$threads "$program" train -q $flags "$@" train.steps=20 train.log_every=1 sample.tokens=0 \
    --run-dir "$scratch/run" >/dev/null 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
  grep '"split":"train"' "$scratch/run/metrics.jsonl" | grep -o '"step_ms":[0-9.]*' | cut -d: -f2 | middle
}
middle() { sort -g | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

for ((round = 0; round < rounds; ++round)); do
  median_step 1 "" "$@" >>"$scratch/one_thread"
  median_step 2 "" "$@" >>"$scratch/two_threads"
  median_step 1 "--nproc 2" "$@" >>"$scratch/two_processes"
done
for way in one_thread two_threads two_processes; do
  printf '%-14s %8.1f ms a step\n' $way "$(middle <"$scratch/$way")"
done
