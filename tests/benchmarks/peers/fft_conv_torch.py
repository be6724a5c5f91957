"""Causal convolution through torch.fft, in PyTorch's own layout (batch, channel, time)."""

import torch

from peers.torch_gradients import Op, tensors


def fft_conv(u, k, D):
    """u (B, H, L), k (H, L), D (H)."""
    length = 2 * u.shape[-1]
    y = torch.fft.irfft(torch.fft.rfft(u, n=length) * torch.fft.rfft(k, n=length), n=length)
    return y[..., : u.shape[-1]] + D.unsqueeze(-1) * u


class Peer(Op):
    def __init__(self, inputs, options):
        leaves = tensors(inputs, "inputs")
        leaves["u"] = leaves["u"].detach().transpose(1, 2).contiguous().requires_grad_()
        super().__init__(leaves, torch.from_numpy(inputs["outputs/dy"]).transpose(1, 2).contiguous())

    def compute(self):
        return fft_conv(self.leaves["u"], self.leaves["k"], self.leaves["D"])

    def results(self):
        found = super().results()
        return {name: array.swapaxes(1, 2) if array.ndim == 3 else array for name, array in found.items()}
