"""The selective scan of Mamba-1 with mamba.py's parallel scan, as its MambaBlock calls it."""

import torch
import torch.nn.functional as F
from mambapy.pscan import pscan

from peers.torch_gradients import Op, tensor, tensors


class Peer(Op):
    def __init__(self, inputs, options):
        super().__init__(tensors(inputs, "inputs"), tensor(inputs["outputs/dy"]))

    def compute(self):
        x = self.leaves
        delta = F.softplus(x["delta"])
        decay = torch.exp(delta.unsqueeze(-1) * x["A"])  # (B, L, D, N)
        update = (delta * x["u"]).unsqueeze(-1) * x["B"].unsqueeze(2)
        states = pscan(decay, update)
        y = (states @ x["C"].unsqueeze(-1)).squeeze(-1) + x["D"] * x["u"]
        return y * F.silu(x["z"])
