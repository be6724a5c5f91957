"""What every PyTorch peer of an op needs: inputs as tensors that want gradients, and the two measures."""

import numpy
import torch


def tensor(array):
    """On the device that the peer is timed on."""
    return torch.from_numpy(numpy.asarray(array)).to(torch.get_default_device())


def tensors(inputs, group, names=None):
    """The arrays of a group of a dump as tensors; those of floating point want gradients."""
    values = {}
    for path, array in inputs.items():
        if path.startswith(group + "/") and (names is None or path[len(group) + 1:] in names):
            value = tensor(array)
            values[path[len(group) + 1:]] = value.requires_grad_(value.is_floating_point() or value.is_complex())
    return values


class Op:
    """Times compute(), a function of the leaves, and its gradient for the seed dy."""

    def __init__(self, leaves, dy, options=None):
        self.leaves, self.dy = leaves, dy
        if (options or {}).get("compile"):
            self.compute = torch.compile(self.compute)

    def forward(self):
        with torch.no_grad():
            return self.compute()

    def both(self):
        for leaf in self.leaves.values():
            leaf.grad = None
        y = self.compute()
        y.backward(self.dy)
        return y

    def results(self):
        found = {"outputs/y": self.both().detach().cpu().numpy()}
        found.update({"gradients/" + name: leaf.grad.cpu().numpy() for name, leaf in self.leaves.items() if leaf.grad is not None})
        return found
