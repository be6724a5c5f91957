"""Ops of a peer that wants (batch, channel, time), where Longwave has (batch, time, channel)."""

from peers.torch_gradients import Op, tensor, tensors


def turned(value):
    """A leaf of its own in the other layout."""
    return value.detach().transpose(1, 2).contiguous().requires_grad_()


class TurnedOp(Op):
    """`names` of the inputs, and the outcome, are turned before the clock starts, and back for the comparison."""

    def __init__(self, inputs, names, options, group="inputs"):
        leaves = tensors(inputs, group)
        leaves.update({name: turned(tensor(inputs["inputs/" + name])) for name in names})
        self.turned = {"outputs/y"} | {"gradients/" + name for name in names}
        super().__init__(leaves, turned(tensor(inputs["outputs/dy"])).detach(), options)

    def results(self):
        return {name: array.swapaxes(1, 2) if name in self.turned else array for name, array in super().results().items()}
