"""A training step of the Mamba-1 language model by its authors (mamba_ssm): fused scan, convolution and norms."""

from mamba_ssm.models.config_mamba import MambaConfig
from mamba_ssm.models.mixer_seq_simple import MambaLMHeadModel

from peers.torch_gradients import tensor
from peers.training import TrainingStep


class Peer(TrainingStep):
    def __init__(self, inputs, options):
        vocabulary, d_model = inputs["params/embedding.weight"].shape
        layers = 1 + max(int(name.split(".")[1]) for name in inputs if name.startswith("params/layers."))
        d_state = inputs["params/layers.0.layer.A_log"].shape[1]
        model = MambaLMHeadModel(MambaConfig(d_model=d_model, n_layer=layers, vocab_size=vocabulary, pad_vocab_size_multiple=1,
                                             ssm_cfg={"layer": "Mamba1", "d_state": d_state}))
        tokens = tensor(inputs["inputs/inputs"])
        parameters = {name.removeprefix("backbone.").replace(".mixer.", ".layer.").replace("norm_f.", "norm."): parameter
                      for name, parameter in model.named_parameters()}  # the head is the embedding, named once
        super().__init__(inputs, parameters, lambda: model(tokens).logits, options)
