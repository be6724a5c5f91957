"""What is compared with what: the bars of the project, one entry a work."""

from dataclasses import dataclass, field

from longwave import config


@dataclass
class Measure:
    """`ours` names a time of `longwave bench`, `theirs` a method of the peer; a bar is the least ratio wanted."""

    label: str
    ours: str
    theirs: str
    bar: float | None = None


@dataclass
class Opponent:
    label: str
    module: str
    measures: list[Measure]
    options: dict = field(default_factory=dict)
    tolerance: float = 1e-3  # of the largest value, for each output and gradient
    per_call: int = 1  # of what is measured: tokens in a call
    requires: str = ""  # a package that must be there; else the opponent is left out


@dataclass
class Comparison:
    name: str
    work: str
    bench: list[str]
    opponents: list[Opponent]
    rounds: int = 5  # of Longwave, then each opponent, then Longwave again
    repeats: int = 1  # in a round
    memory: bool = False  # report the peaks of the processes
    items: int = 0  # tokens of a step; their rate is reported where there are any


def scan(name, B, L, D, repeats):
    measures = lambda bar: [Measure("forward", "forward", "forward"), Measure("forward + backward", "both", "both", bar)]
    return Comparison(name, f"selective scan B{B} L{L} D{D} N16", ["op", "selective_scan", "--shape", f"B={B},L={L},D={D},N=16"],
                      [Opponent("mamba.py pscan", "selective_scan_pscan", measures(60)),
                       Opponent("JAX lax.scan, jitted", "selective_scan_jax", measures(25))], repeats=repeats)


def fft_conv(name, B, L, D):
    return Comparison(name, f"FFT convolution B{B} L{L} H{D}", ["op", "long_conv", "--shape", f"B={B},L={L},D={D}"],
                      [Opponent("torch.fft", "fft_conv_torch",
                                [Measure("forward", "forward", "forward", 2), Measure("forward + backward", "both", "both", 2)])],
                      repeats=5)


def s4_kernel(name, D, L, measures, **options):
    return Comparison(name, f"S4 (DPLR) kernel H{D} N64 L{L}", ["op", "s4_kernel", "--shape", f"D={D},N=64,L={L}"],
                      [Opponent("PyTorch, naive Cauchy", "s4_kernel_torch", measures, options)], rounds=3)


def diagonal_layer(layer):
    measures = [Measure("forward", "forward", "forward"), Measure("forward + backward", "both", "both", 4)]
    return Comparison(f"{layer}-layer", f"{layer.upper()} layer B16 L784 H128 N128",
                      ["layer", layer, "--shape", "B=16,L=784,D=128", "d_state=128"],
                      [Opponent("JAX lax.associative_scan, jitted", "diagonal_layers_jax", measures, {"layer": layer}),
                       Opponent("PyTorch associative_scan", "diagonal_layers_torch", measures, {"layer": layer})], repeats=3)


def generation(name, weights, bar, tolerance, tokens=64):
    return Comparison(name, f"generation, Mamba-1 130M, batch 1, {weights}, a token",
                      ["generate", config("mamba_130m"), "--weights", weights, "--tokens", str(tokens)],
                      [Opponent(f"transformers {weights}", "mamba_generate_transformers", [Measure("", "token", "generate", bar)],
                                {"tokens": tokens, "bf16": weights == "bf16"}, tolerance, per_call=tokens)], rounds=3)


COMPARISONS = [
    scan("scan", 4, 256, 512, 5),
    scan("scan-long", 1, 2048, 1536, 1),
    Comparison("s4d-layer", "S4D layer B16 L784 H128 N64", ["layer", "s4d", "--shape", "B=16,L=784,D=128", "d_state=64"],
               [Opponent("PyTorch", "s4d_layer_torch",
                         [Measure("forward", "forward", "forward"), Measure("forward + backward", "both", "both", 4)])], repeats=3),
    fft_conv("fft-conv", 16, 784, 128),
    fft_conv("fft-conv-long", 8, 4096, 256),
    s4_kernel("s4-kernel", 256, 1024, [Measure("forward", "forward", "forward"), Measure("forward + backward", "both", "both", 20)]),
    s4_kernel("s4-kernel-long", 256, 16384, [Measure("forward", "forward", "forward", 20)], slice=1024, gradients=False),
    Comparison("mamba-step", "training step, Mamba-1 12 x d256 N16, B4 L256", ["step", config("mamba_lm")],
               [Opponent("mamba.py", "mamba_lm_mambapy", [Measure("", "step", "step", 16)]),
                Opponent("PyTorch, a product for the scan", "mamba_lm_torch", [Measure("", "step", "step_with_product", 1)])],
               memory=True),
    Comparison("s4d-step", "training step, S4D 4 x d128 N64, B50 L784", ["step", config("s4d_classifier")],
               [Opponent("PyTorch", "s4d_classifier_torch", [Measure("", "step", "step", 3.5)]),
                Opponent("torch.compile", "s4d_classifier_torch", [Measure("", "step", "step", 3.5)], {"compile": True})],
               memory=True),
    diagonal_layer("s5"),
    diagonal_layer("lru"),
    Comparison("attention", "causal attention B8 L512, 8 heads of 64", ["op", "attention", "--shape", "B=8,L=512,H=8,D=64"],
               [Opponent("PyTorch, fused", "attention_torch",
                         [Measure("forward", "forward", "forward"), Measure("forward + backward", "both", "both", 0.8)],
                         {"heads": 8})], repeats=3),
    generation("generate", "f32", 1.7, 1e-3),
    generation("generate-bf16", "bf16", 2.5, 5e-2),
]
