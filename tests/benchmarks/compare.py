"""Runs the comparisons and writes the table; run.sh calls this with the peers installed."""

import argparse
import datetime
import importlib.util
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from statistics import median

import numpy

from comparisons import COMPARISONS
from gpu import gpu_comparisons
from longwave import Longwave, milliseconds
from own import OWN, row
from peer import PeerProcess, read_dump

ROOT = pathlib.Path(__file__).resolve().parents[2]
THREADS = 2


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Different(Exception):
    """The peer computes something else: there is nothing to time."""


def largest_difference(expected, results, tolerance):
    """Holds every result of the peer against the dump: largest difference relative to the largest value of that tensor."""
    worst = (0.0, "")
    for name, theirs in results.items():
        ours = expected[name].reshape(theirs.shape)
        error = float(numpy.abs(ours - theirs).max() / max(float(numpy.abs(theirs).max()), 1e-30))
        if not error <= tolerance:  # NaN too
            raise Different(f"{name} differs by {error:.1e} of its largest value, allowed are {tolerance:.0e}")
        worst = max(worst, (error, name))
    return worst


def is_there(opponent):
    """Whether the package that the opponent needs is installed; says so where it is not."""
    there = not opponent.requires or importlib.util.find_spec(opponent.requires) is not None
    if not there:
        say(f"  {opponent.label}: left out, {opponent.requires} is not installed")
    return there


def checked(opponent, dump, expected, device):
    """A process of the opponent that has computed the same."""
    peer = PeerProcess(opponent.module, dump, opponent.options, THREADS, device)
    try:
        error, name = largest_difference(expected, peer.results(), opponent.tolerance)
    except Exception:
        peer.close()
        raise
    say(f"  {opponent.label}: the same results, largest difference {error:.1e} ({name})")
    return peer


def run_comparison(comparison, longwave, rounds, folder, failures):
    """Yields rows; the opponents live, idle, from the check to the last round. Those that fail are left out and noted."""
    say(f"{comparison.name}: {comparison.work}")
    dump = folder / f"{comparison.name}.h5"
    longwave.bench(*comparison.bench, rounds=1, dump=dump)
    expected, opponents, living = read_dump(dump), [], []
    try:
        for opponent in filter(is_there, comparison.opponents):
            try:
                living.append(checked(opponent, dump, expected, longwave.device))
                opponents.append(opponent)
            except (Different, RuntimeError) as error:
                say(f"  {opponent.label}: error: {error}")
                failures.append(f"{comparison.name}: {opponent.label}")
        ours, theirs, memory = [], {}, []
        for number in range(rounds or comparison.rounds):
            line = longwave.bench(*comparison.bench, rounds=max(3, comparison.repeats))
            ours.append(line)
            memory.append(line["rss_bytes"])
            for opponent, peer in zip(opponents, living):
                for measure in opponent.measures:
                    # A GPU's peer gives its memory back after each round, and has to find it again.
                    times = peer.times(measure.theirs, comparison.repeats, number == 0 or longwave.device == "cuda")
                    theirs.setdefault((opponent.label, measure.label), []).append(median(times) / opponent.per_call)
        for opponent, peer in zip(opponents, living):
            for measure in opponent.measures:
                us = median(milliseconds(line, measure.ours) for line in ours)
                them = median(theirs[opponent.label, measure.label])
                work = comparison.work + (f", {measure.label}" if measure.label else "")
                yield row(work, us, opponent.label, them, them / us, f">= {measure.bar:g}" if measure.bar else "",
                          them / us >= measure.bar if measure.bar else None)
                if comparison.items:
                    rates = [comparison.items / ms for ms in (us, them)]
                    yield row(f"{work}: thousand tokens a second", rates[0], opponent.label, rates[1], rates[0] / rates[1], "", None)
            if comparison.memory:
                us, them = max(memory) / 2**20, peer.peak_bytes() / 2**20
                yield row(f"{comparison.work}: peak memory, MiB", us, opponent.label, them, them / us, "", None)
    finally:
        for peer in living:
            peer.close()
        dump.unlink()


def table(rows):
    lines = ["| Work | Longwave, ms | Beside | its ms | Ratio | Bar | |", "| --- | ---: | --- | ---: | ---: | --- | --- |"]
    for r in rows:
        verdict = {True: "met", False: "missed", None: ""}[r["good"]]
        lines.append(f"| {r['work']} | {r['ours']:.4g} | {r['peer']} | {r['theirs']:.4g} | {r['ratio']:.3g} | {r['bar']} | {verdict} |")
    return "\n".join(lines)


def versions_of(names):
    for name in names:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            pass


def gpu_name():
    ask = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()[0].replace(", ", ", driver ")


def preface(longwave):
    """Where and with what the table was made."""
    with open("/proc/cpuinfo") as file:
        cpu = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    machine = longwave.bench("machine")
    peers = ", ".join(versions_of(("torch", "triton", "mamba_ssm", "causal_conv1d", "transformers", "mambapy", "jax", "numpy")))
    device = gpu_name() if longwave.device == "cuda" else f"{cpu}, {THREADS} threads on {len(os.sched_getaffinity(0))} cores"
    return (f"{datetime.date.today()}, Longwave {commit or 'unknown'}, {device}, "
            f"{machine['gbytes_per_s']:.1f} GB/s, {machine['gflops_per_s']:.0f} GFLOP/s in f32. Python {platform.python_version()}, {peers}. "
            f"Load average at the start {os.getloadavg()[0]:.1f}.\n\n"
            "Medians of rounds taken in turns; the results were compared first. A ratio is the peer's time over Longwave's, "
            "peak memory is that of the process (a peer's without what its imports hold).")


def main():
    parser = argparse.ArgumentParser(description="Longwave beside its peers.")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compare (default: cpu)")
    parser.add_argument("--self-test", action="store_true", help="the comparisons of a GPU at tiny sizes, on --device: does all run?")
    device, _ = parser.parse_known_args([word for word in sys.argv[1:] if word not in ("-h", "--help")])
    on_cpu = device.device == "cpu" and not device.self_test
    comparisons, own = (COMPARISONS, OWN) if on_cpu else (gpu_comparisons(device.self_test), {})
    names = [c.name for c in comparisons] + list(own)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--rounds", type=int, help="rounds of each comparison (default: its own, 3 to 5)")
    parser.add_argument("--program", default=ROOT / "build/release/bin/longwave", help="the longwave to run")
    parser.add_argument("--out", type=pathlib.Path, help="markdown file to write the table to")
    parser.add_argument("--list", action="store_true", help="print the names of the comparisons")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(names))
        return 0
    if arguments.device == "cpu":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])  # the same cores for all
    longwave = Longwave(arguments.program, THREADS, arguments.device)
    head, rows, failures = "" if arguments.self_test else preface(longwave), [], []
    with tempfile.TemporaryDirectory() as folder:
        for comparison in comparisons:
            if comparison.name not in arguments.only:
                continue
            try:
                rounds = arguments.rounds or (1 if arguments.self_test else None)
                rows += run_comparison(comparison, longwave, rounds, pathlib.Path(folder), failures)
            except RuntimeError as error:
                say(f"{comparison.name}: error: {error}")
                failures.append(comparison.name)
        for name, measure in own.items():
            if name in arguments.only:
                say(f"{name}: {measure.__doc__}")
                rows += measure(longwave, arguments.rounds or 3)
    if failures:
        say("failed: " + "; ".join(failures))
    if arguments.self_test:
        print(f"self-test: {len(arguments.only)} comparisons ran, {len(failures)} failed")
        return 1 if failures else 0
    text = f"{head}\n\n{table(rows)}\n"
    print(text)
    if arguments.out:
        arguments.out.write_text(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
