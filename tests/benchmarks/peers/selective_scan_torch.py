"""The selective scan of Mamba-1 in plain PyTorch: the recurrence, step by step."""

import torch
import torch.nn.functional as F

from peers.mamba_lm_torch import scan_loop
from peers.torch_gradients import Op, tensor, tensors


class Peer(Op):
    def __init__(self, inputs, options):
        super().__init__(tensors(inputs, "inputs"), tensor(inputs["outputs/dy"]), options)

    def compute(self):
        x = self.leaves
        y = scan_loop(x["u"], F.softplus(x["delta"]), x["A"], x["B"], x["C"])
        return (y + x["D"] * x["u"]) * F.silu(x["z"])
