"""An update of all parameters at once by torch.optim.AdamW, fused or not."""

import torch

from peers.torch_gradients import tensor

LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.1  # as `longwave bench op adamw` takes them


class Peer:
    def __init__(self, inputs, options):
        values = {name: tensor(inputs["inputs/" + name]) for name in ("gradient", "weight", "mean", "square")}
        self.weight = torch.nn.Parameter(values["weight"])
        self.weight.grad = values["gradient"]
        fused = options["fused"]
        self.optimizer = torch.optim.AdamW([self.weight], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=fused, foreach=not fused)
        step = torch.zeros((), device=self.weight.device if fused else "cpu")
        self.optimizer.state[self.weight] = {"step": step, "exp_avg": values["mean"], "exp_avg_sq": values["square"]}

    def results(self):
        self.optimizer.step()
        return {"outputs/y": self.weight.detach().cpu().numpy()}

    def forward(self):
        self.optimizer.step()
