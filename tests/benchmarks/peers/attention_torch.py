"""Causal attention by PyTorch's fused scaled_dot_product_attention, in its own layout (batch, head, time, dim)."""

import torch
import torch.nn.functional as F

from peers.torch_gradients import Op, tensor, tensors


class Peer(Op):
    """`heads` is an option, as Longwave's arrays have all heads in a row."""

    def __init__(self, inputs, options):
        self.heads = options["heads"]
        leaves = {name: self.turned(x.detach()).requires_grad_() for name, x in tensors(inputs, "inputs").items()}
        super().__init__(leaves, self.turned(tensor(inputs["outputs/dy"])), options)

    def turned(self, x):
        batch, time, channels = x.shape
        return x.view(batch, time, self.heads, channels // self.heads).transpose(1, 2).contiguous()

    def compute(self):
        return F.scaled_dot_product_attention(self.leaves["q"], self.leaves["k"], self.leaves["v"], is_causal=True)

    def results(self):
        back = lambda x: torch.as_tensor(x).transpose(1, 2).flatten(2).numpy()
        return {name: back(x) for name, x in super().results().items()}
