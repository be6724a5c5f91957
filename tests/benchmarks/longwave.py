"""Calls `longwave bench` and reads what it prints."""

import json
import os
import pathlib
import subprocess

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs" / "bench"


class Longwave:
    def __init__(self, program, threads, device="cpu"):
        self.program, self.threads, self.device = program, threads, device

    def bench(self, *arguments, rounds=None, dump=None, threads=None):
        """The line that `longwave bench ARGUMENTS --json` prints; "rss_bytes" is the most memory the process held."""
        command = [self.program, "bench", *map(str, arguments), "--json", "--threads", str(threads or self.threads)]
        by_config = arguments[0] in ("step", "generate")  # these take the device from the config
        command += [f"device={self.device}"] if by_config else ["--device", self.device]
        if rounds and arguments[0] != "generate":  # which times its tokens
            command += ["--rounds", str(rounds)]
        command += ["--dump", str(dump)] if dump else []
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}")
        return {**json.loads(output), "rss_bytes": usage.ru_maxrss * 1024}


def config(name):
    return str(CONFIGS / f"{name}.yaml")


def milliseconds(line, measure):
    """What a line says of "forward", "both", "step" or "token"."""
    if measure == "both":
        return line["forward_ms"] + line["backward_ms"]
    return line[measure + "_ms"]
