"""The depthwise causal convolution of Mamba, then SiLU, by its authors' kernel (causal_conv1d)."""

from causal_conv1d import causal_conv1d_fn

from peers.layout import TurnedOp


class Peer(TurnedOp):
    def __init__(self, inputs, options):
        super().__init__(inputs, ["x"], options)

    def compute(self):
        x = self.leaves
        return causal_conv1d_fn(x["x"], x["w"], x["b"], activation="silu")
