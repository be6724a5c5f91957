"""Greedy generation with transformers' MambaForCausalLM, in float32 or bfloat16, one token a call from its cache."""

import torch
from transformers import MambaConfig, MambaForCausalLM


class Peer:
    def __init__(self, inputs, options):
        vocabulary, d_model = inputs["params/embedding.weight"].shape
        layers = 1 + max(int(name.split(".")[1]) for name in inputs if name.startswith("params/layers."))
        d_state = inputs["params/layers.0.layer.A_log"].shape[1]
        config = MambaConfig(vocab_size=vocabulary, hidden_size=d_model, state_size=d_state, num_hidden_layers=layers,
                             pad_token_id=None, bos_token_id=None, eos_token_id=None)
        self.model = MambaForCausalLM(config).eval()
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                name = name.removeprefix("backbone.").replace("embeddings.", "embedding.")
                name = name.replace(".mixer.", ".layer.").replace("norm_f.", "norm.")
                parameter.copy_(torch.from_numpy(inputs["params/" + name]).reshape(parameter.shape))
        self.ids = torch.from_numpy(inputs["inputs/ids"])
        self.tokens = options["tokens"]
        if options.get("bf16"):
            self.model = self.model.to(torch.bfloat16)

    def results(self):
        with torch.inference_mode():
            return {"outputs/logits": self.model(self.ids).logits.float().numpy()}

    def generate(self):
        with torch.inference_mode():
            token, cache = torch.zeros((1, 1), dtype=torch.int64), None
            for _ in range(self.tokens):
                output = self.model(token, cache_params=cache, use_cache=True)
                cache, token = output.cache_params, output.logits[:, -1:].argmax(-1)
