"""How long a call takes, on a CPU or a GPU: the one clock of all peers."""

import time


class HostClock:
    warm_up = 1  # calls before the first that counts

    def times(self, call, rounds):
        """Milliseconds of each call."""
        found = []
        for _ in range(rounds):
            start = time.perf_counter()
            call()
            found.append(1000 * (time.perf_counter() - start))
        return found

    def release(self):
        pass


class GpuClock:
    """Events on the stream before and behind each call: the work of the GPU, and the gaps in which it waits for the host."""

    warm_up = 3

    def __init__(self, torch):
        self.torch = torch

    def times(self, call, rounds):
        pairs = []
        for _ in range(rounds):
            start, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
            self.torch.cuda.synchronize()
            start.record()
            call()
            end.record()
            pairs.append((start, end))
        self.torch.cuda.synchronize()
        return [start.elapsed_time(end) for start, end in pairs]

    def release(self):
        """Gives memory back for those who are timed next."""
        self.torch.cuda.empty_cache()


def clock_of(device, torch):
    return GpuClock(torch) if device == "cuda" else HostClock()
