"""A training step of a Mamba-1 language model in plain PyTorch, with two scans.

"loop" is the recurrence step by step: the model, and what is compared with Longwave. "product" puts one
product in the place of the scan, y = dt u <B, C>: everything of the step but the scan, a lower bound for
any PyTorch Mamba.
"""

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from peers.torch_gradients import tensor
from peers.training import TrainingStep


def scan_loop(u, dt, A, B, C):
    """u, dt (B, L, D); A (D, N); B, C (B, L, N)."""
    h, ys = 0, []
    for t in range(u.shape[1]):
        h = torch.exp(dt[:, t, :, None] * A) * h + (dt[:, t] * u[:, t]).unsqueeze(-1) * B[:, t, None, :]
        ys.append((h * C[:, t, None, :]).sum(-1))
    return torch.stack(ys, 1)


def scan_frugal(*arguments):
    """scan_loop(), whose states are computed again for the gradient: those of 24 layers would fill a GPU."""
    return checkpoint(scan_loop, *arguments, use_reentrant=False)


def scan_product(u, dt, A, B, C):
    return dt * u * (B * C).sum(-1, keepdim=True)


def mixer(x, p, scan):
    """One Mamba block; p: its parameters under Longwave's names."""
    u, z = F.linear(x, p["in_proj.weight"]).chunk(2, -1)
    taps = p["conv1d.weight"]
    u = F.conv1d(u.transpose(1, 2), taps.unsqueeze(1), p["conv1d.bias"], padding=taps.shape[1] - 1, groups=taps.shape[0])
    u = F.silu(u[..., : x.shape[1]].transpose(1, 2))
    states = p["A_log"].shape[1]
    dt, B, C = F.linear(u, p["x_proj.weight"]).split([p["dt_proj.weight"].shape[1], states, states], -1)
    dt = F.softplus(F.linear(dt, p["dt_proj.weight"], p["dt_proj.bias"]))
    y = scan(u, dt, -torch.exp(p["A_log"]), B, C) + p["D"] * u
    return F.linear(y * F.silu(z), p["out_proj.weight"])


def rms_norm(x, weight):
    return F.rms_norm(x, weight.shape, weight, eps=1e-5)


class Peer(TrainingStep):
    def __init__(self, inputs, options):
        p = {name[7:]: torch.empty(array.shape, requires_grad=True) for name, array in inputs.items() if name.startswith("params/")}
        tokens = tensor(inputs["inputs/inputs"])
        layers = 1 + max(int(name.split(".")[1]) for name in p if name.startswith("layers."))
        blocks = [{name.removeprefix(f"layers.{i}.layer."): value for name, value in p.items() if name.startswith(f"layers.{i}.layer.")}
                  for i in range(layers)]
        self.scan = scan_frugal

        def logits():
            x = F.embedding(tokens, p["embedding.weight"])
            for i, block in enumerate(blocks):
                x = x + mixer(rms_norm(x, p[f"layers.{i}.norm.weight"]), block, self.scan)
            return F.linear(rms_norm(x, p["norm.weight"]), p["embedding.weight"])

        super().__init__(inputs, p, logits, options)

    def step_with_product(self):
        self.scan = scan_product
        self.step()
