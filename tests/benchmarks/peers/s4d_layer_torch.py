"""An S4D layer in plain PyTorch: Vandermonde kernel, FFT convolution, GELU, 1x1 convolution to 2H, GLU.

K_l = 2 Re sum_n C_n (exp(dt A_n) - 1) / A_n exp(dt A_n l). Layout (batch, channel, time), as PyTorch's
convolutions and transforms want it.
"""

import torch
import torch.nn.functional as F

from peers.fft_conv_torch import fft_conv
from peers.layout import TurnedOp


def s4d_kernel(p, length):
    dt = torch.exp(p["log_dt"]).unsqueeze(-1)
    A = torch.complex(-torch.exp(p["log_A_real"]), p["A_imag"])
    C = torch.complex(p["C_real"], p["C_imag"])
    x = dt * A
    time = torch.arange(length, dtype=x.real.dtype, device=x.device)
    return 2 * torch.einsum("hn,hnl->hl", C * (torch.exp(x) - 1) / A, torch.exp(x.unsqueeze(-1) * time)).real


def s4d_layer(u, p):
    """u (B, H, L); p: the parameters of Longwave's layer by name."""
    v = F.gelu(fft_conv(u, s4d_kernel(p, u.shape[-1]), p["D"]))
    return F.glu(F.conv1d(v, p["mix.weight"].unsqueeze(-1), p["mix.bias"]), dim=1)


class Peer(TurnedOp):
    def __init__(self, inputs, options):
        super().__init__(inputs, ["x"], options, group="params")

    def compute(self):
        return s4d_layer(self.leaves["x"], self.leaves)
