"""What every PyTorch peer of an op needs: inputs as tensors that want gradients, and the two measures."""

import torch


def tensors(inputs, group, names=None):
    """The arrays of a group of a dump as tensors; those of floating point want gradients."""
    values = {}
    for path, array in inputs.items():
        if path.startswith(group + "/") and (names is None or path[len(group) + 1:] in names):
            tensor = torch.from_numpy(array)
            values[path[len(group) + 1:]] = tensor.requires_grad_(tensor.is_floating_point() or tensor.is_complex())
    return values


class Op:
    """Times compute(), a function of the leaves, and its gradient for the seed dy."""

    def __init__(self, leaves, dy):
        self.leaves, self.dy = leaves, dy

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
        found = {"outputs/y": self.both().detach().numpy()}
        found.update({"gradients/" + name: leaf.grad.numpy() for name, leaf in self.leaves.items() if leaf.grad is not None})
        return found
