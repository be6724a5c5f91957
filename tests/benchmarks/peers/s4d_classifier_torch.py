"""A training step of the S4D image classifier in plain PyTorch, eager or through torch.compile.

Post-norm blocks, mean over time: encoder -> layers x [x = norm(x + s4d(x))] -> mean -> decoder. Activations
are (batch, channel, time) in the layers and (batch, time, channel) in the norms, as in the S4D authors' example.
"""

import torch
import torch.nn.functional as F

from peers.s4d_layer_torch import s4d_layer
from peers.torch_gradients import tensor
from peers.training import TrainingStep


class Peer(TrainingStep):
    def __init__(self, inputs, options):
        p = {name[7:]: torch.empty(array.shape, requires_grad=True) for name, array in inputs.items() if name.startswith("params/")}
        images = tensor(inputs["inputs/inputs"])
        layers = 1 + max(int(name.split(".")[1]) for name in p if name.startswith("layers."))

        def logits():
            x = F.linear(images, p["encoder.weight"], p["encoder.bias"])
            for i in range(layers):
                of_layer = {name.removeprefix(f"layers.{i}.layer."): value for name, value in p.items()}
                y = s4d_layer(x.transpose(1, 2), of_layer).transpose(1, 2)
                x = F.layer_norm(x + y, x.shape[-1:], p[f"layers.{i}.norm.weight"], p[f"layers.{i}.norm.bias"])
            return F.linear(x.mean(1), p["decoder.weight"], p["decoder.bias"])

        super().__init__(inputs, p, logits, options)
