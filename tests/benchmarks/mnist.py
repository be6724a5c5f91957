#!/usr/bin/env python3
"""Sequential MNIST under a budget of time: every layer trains for as many steps as fit into it. Prints a table.

    tests/benchmarks/mnist.py --data DIR [--minutes 20] [--threads 2] [--out FILE] [--program FILE] [KIND ...]

A step is timed first, and train.steps set so that training takes the minutes; the test images are measured at the end alone. The
schedule ends with the steps. Two cores that do nothing else; twenty minutes a layer.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ["s4", "s4d", "dss", "s5", "lru", "lssl", "mamba", "rnn", "lstm", "gru", "transformer"]
TRAIN_IMAGES = 60000


def run(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done


def measure(kind, options):
    config = ROOT / "configs" / "mnist" / f"{kind}.yaml"
    common = [f"data.root={options.data}", "--threads", str(options.threads)]
    bench = json.loads(run([options.program, "bench", "step", config, *common, "--json"]).stdout)
    steps = max(1, int(options.minutes * 60e3 / bench["step_ms"]))
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / kind
        done = run([options.program, "train", config, *common, f"train.steps={steps}", "train.eval_every=0",
                    "train.checkpoint_every=0", "--run-dir", folder])
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    test = [line for line in lines if line["split"] == "test"][-1]
    train = [line for line in lines if line["split"] == "train"]
    step_ms = sorted(line["step_ms"] for line in train)[len(train) // 2]
    batch = round(bench["items_per_s"] * bench["step_ms"] / 1e3)
    parameters = re.search(r"^(\S+) parameters,", done.stderr, re.MULTILINE).group(1)
    return (f"| `{kind}` | {100 * test['accuracy']:.2f} % | {steps} | {steps * batch / TRAIN_IMAGES:.1f} | "
            f"{step_ms * TRAIN_IMAGES / batch / 1e3:.0f} | {train[-1]['mem_peak_bytes'] / 2**20:.0f} | {parameters} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND", help=" ".join(KINDS))
    parser.add_argument("--data", required=True, help="folder of the four idx files")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=pathlib.Path, help="file that the rows are added to, too")
    parser.add_argument("--program", default=ROOT / "build" / "release" / "bin" / "longwave")
    options = parser.parse_args()
    unknown = [kind for kind in options.kinds if kind not in KINDS]
    if unknown:
        parser.error(f"no such kind: {', '.join(unknown)}; kinds: {', '.join(KINDS)}")
    rows = ["| Config | Test images | Steps | Epochs | Seconds an epoch | Peak memory, MiB | Parameters |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    print("\n".join(rows), flush=True)
    for kind in options.kinds:
        row = measure(kind, options)
        print(row, flush=True)
        if options.out:
            with open(options.out, "a") as out:
                out.write(row + "\n")


if __name__ == "__main__":
    main()
