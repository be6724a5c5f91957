"""A training step in PyTorch as anyone writes it: loss, backward, clipped gradient, AdamW."""

import torch
import torch.nn.functional as F

from peers.torch_gradients import tensor

LEARNING_RATE = 1e-6  # small: the weights that are timed stay those that were compared


class TrainingStep:
    """`parameters` maps the names of Longwave's dump to the model's tensors; logits() is the model's answer."""

    def __init__(self, inputs, parameters, logits, options=None):
        options = options or {}
        self.parameters, self.bf16 = parameters, options.get("bf16", False)
        self.logits = torch.compile(logits) if options.get("compile") else logits
        self.targets = tensor(inputs["inputs/targets"])
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(tensor(inputs["params/" + name]).reshape(parameter.shape))
        self.optimizer = torch.optim.AdamW(parameters.values(), lr=LEARNING_RATE, weight_decay=0.1, fused=True)

    def loss(self, reduction):
        with torch.autocast(self.targets.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.logits()
        logits = logits.float()
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), self.targets.reshape(-1), reduction=reduction)

    def step(self):
        self.optimizer.zero_grad()
        self.loss("mean").backward()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()

    def results(self):
        self.optimizer.zero_grad()
        loss = self.loss("sum")
        loss.backward()
        found = {"outputs/loss_sum": loss.detach().cpu().numpy()}
        found.update({"gradients/" + name: p.grad.cpu().numpy() for name, p in self.parameters.items()})
        self.optimizer.zero_grad()
        return found
