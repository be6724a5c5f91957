"""S5 and LRU layers with PyTorch's associative scan; the formulas are those of diagonal_layers_jax.py.

torch.compile does not take complex numbers through this scan, so it runs op by op.
"""

import torch
import torch.nn.functional as F
from torch._higher_order_ops.associative_scan import associative_scan

from peers.torch_gradients import Op, tensor, tensors


def scan(a, x):
    """h_t = a h_{t-1} + x_t along the second axis, for a of all steps."""
    join = lambda left, right: (left[0] * right[0], right[0] * left[1] + right[1])
    return associative_scan(join, (a.expand(x.shape).contiguous(), x), dim=1, combine_mode="generic")[1]


def mix(v, p):
    return F.glu(F.linear(F.gelu(v), p["mix.weight"], p["mix.bias"]))


def through(u, a, B, C):
    """Re C h for h driven by B u."""
    h = scan(a, u.to(B.dtype) @ B.T)
    return (h @ C.T).real


def s5(u, p):
    A = torch.complex(-torch.exp(p["log_A_real"]), p["A_imag"])
    a = torch.exp(A * torch.exp(p["log_dt"]))
    B = ((a - 1) / A)[:, None] * torch.complex(p["B_real"], p["B_imag"])
    return mix(2 * through(u, a, B, torch.complex(p["C_real"], p["C_imag"])) + p["D"] * u, p)


def lru(u, p):
    a = torch.polar(torch.exp(-torch.exp(p["nu"])), torch.exp(p["theta"]))
    B = torch.exp(p["log_gamma"])[:, None] * torch.complex(p["B_real"], p["B_imag"])
    return mix(through(u, a, B, torch.complex(p["C_real"], p["C_imag"])) + p["D"] * u, p)


class Peer(Op):
    def __init__(self, inputs, options):
        self.layer = {"s5": s5, "lru": lru}[options["layer"]]
        leaves = {**tensors(inputs, "params"), **tensors(inputs, "inputs", ["x"])}
        super().__init__(leaves, tensor(inputs["outputs/dy"]), options)

    def compute(self):
        return self.layer(self.leaves["x"], self.leaves)
