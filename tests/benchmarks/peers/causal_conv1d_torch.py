"""The depthwise causal convolution of Mamba, then SiLU, in plain PyTorch."""

import torch.nn.functional as F

from peers.layout import TurnedOp


class Peer(TurnedOp):
    def __init__(self, inputs, options):
        super().__init__(inputs, ["x"], options)

    def compute(self):
        x, w, b = self.leaves["x"], self.leaves["w"], self.leaves["b"]
        y = F.conv1d(x, w.unsqueeze(1), b, padding=w.shape[1] - 1, groups=w.shape[0])
        return F.silu(y[..., : x.shape[-1]])
