"""A training step of mamba.py: its Mamba between an embedding and the output projection tied to it."""

import torch
import torch.nn.functional as F
from mambapy.mamba import Mamba, MambaConfig, RMSNorm

from peers.training import TrainingStep


class Peer(TrainingStep):
    def __init__(self, inputs, options):
        vocabulary, d_model = inputs["params/embedding.weight"].shape
        layers = 1 + max(int(name.split(".")[1]) for name in inputs if name.startswith("params/layers."))
        config = MambaConfig(d_model=d_model, n_layers=layers, d_state=inputs["params/layers.0.layer.A_log"].shape[1])
        model, norm = Mamba(config), RMSNorm(d_model)
        embedding = torch.empty(vocabulary, d_model, requires_grad=True)
        tokens = torch.from_numpy(inputs["inputs/inputs"])

        # The same tensors as Longwave's; only the mixers have another name.
        parameters = {name.replace(".mixer.", ".layer."): parameter for name, parameter in model.named_parameters()}
        parameters.update({"embedding.weight": embedding, "norm.weight": norm.weight})
        super().__init__(inputs, parameters, lambda: F.linear(norm(model(F.embedding(tokens, embedding))), embedding))
