"""A peer, in a process of its own.

A file in peers/ holds a class Peer(inputs, options). It computes what Longwave computed, on what Longwave
computed it on; `inputs` maps the names of a `longwave bench --dump` file to NumPy arrays. It has

    results()   {name: array}: values and gradients under the names of the dump
    and the measures to be timed, such as forward(), both(), step()

run() starts the class in a process, so that neither JAX nor PyTorch nor Longwave share threads or memory.
"""

import contextlib
import importlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import h5py
import numpy

from timing import clock_of

FOLDER = pathlib.Path(__file__).resolve().parent


def read_dump(path):
    """{"inputs/u": array, ...}"""
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


class PeerProcess:
    """A Peer in another process: results() and times() ask it and wait."""

    def __init__(self, module, dump, options=None, threads=2, device="cpu"):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="0",
                           JAX_PLATFORMS="cpu", HF_HUB_OFFLINE="1")
        self.process = subprocess.Popen([sys.executable, __file__, module, str(dump), json.dumps(options or {}), str(threads), device],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=FOLDER)
        self.versions = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with exit code {self.process.wait()}; what it said is above")
        return json.loads(line)

    def _ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def results(self):
        with tempfile.TemporaryDirectory() as folder:
            return dict(numpy.load(self._ask("results", folder + "/results.npz")))

    def times(self, measure, rounds, warm_up):
        """Milliseconds of each of `rounds` calls, after some that are not counted if `warm_up`."""
        return self._ask("times", measure, rounds, warm_up)

    def peak_bytes(self):
        """The most memory the process has held, less what it held before it built the peer."""
        return self._ask("peak")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve(module_name, dump, options, threads, device):
    """The other side of PeerProcess: answers one line of JSON with another."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print goes to stderr

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    module = importlib.import_module("peers." + module_name)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    clock = clock_of(device, sys.modules.get("torch"))
    inputs, options = read_dump(dump), json.loads(options)
    before = resident_bytes()
    # Only while it is built: a default device would cost every call a little.
    with sys.modules["torch"].device(device) if "torch" in sys.modules else contextlib.nullcontext():
        peer = module.Peer(inputs, options)
    answer({name: sys.modules[name].__version__ for name in ("torch", "jax", "transformers") if name in sys.modules})
    for line in sys.stdin:
        word, *arguments = json.loads(line)
        if word == "results":
            numpy.savez(arguments[0], **peer.results())
            answer(arguments[0])
        elif word == "peak":
            answer(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
        else:
            measure, rounds, warm_up = getattr(peer, arguments[0]), *arguments[1:]
            if warm_up:
                clock.times(measure, clock.warm_up)
            times = clock.times(measure, rounds)
            clock.release()
            answer(times)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
