"""What is compared on a GPU: `run.sh --device cuda`. Tiny sizes, on any device, test these scripts themselves."""

from comparisons import Comparison, Measure, Opponent
from longwave import config

BOTH = [Measure("forward", "forward", "forward"), Measure("forward + backward", "both", "both")]
STEP = [Measure("", "step", "step")]
# Kernels and compilers round in other orders than eager PyTorch; the largest values decide.
TOLERANCE = 2e-3
BF16_TOLERANCE = 0.1  # gradients of 24 layers


def eager_and_compiled(module, measures=BOTH, label="PyTorch", **options):
    return [Opponent(label, module, measures, options, TOLERANCE),
            Opponent(label + ", compiled", module, measures, {**options, "compile": True}, TOLERANCE)]


def official(package, module, measures=BOTH, tolerance=TOLERANCE, **options):
    return Opponent(package, module, measures, options, tolerance, requires=package)


def shape(**sizes):
    return ["--shape", ",".join(f"{name}={size}" for name, size in sizes.items())]


def text(sizes):
    return " ".join(f"{name}{size}" for name, size in sizes.items())


def gpu_comparisons(tiny):
    """The list; with `tiny`, at sizes that take a moment on a CPU."""

    def op(name, bench, work, opponents, sizes, small, repeats=10):
        chosen = small if tiny else sizes
        return Comparison(name, f"{work} {text(chosen)}", ["op", bench, *shape(**chosen)], opponents, rounds=5, repeats=repeats)

    def mamba(name, precision, opponents):
        batch, length = (2, 16) if tiny else (8, 1024)
        model = ["model.d_model=32", "model.n_layers=2", "data.vocabulary=64"] if tiny else []
        return Comparison(name, f"training step, Mamba-1 130M, {precision}, B{batch} L{length}",
                          ["step", config("mamba_130m"), f"train.batch={batch}", f"data.length={length}", f"precision={precision}", *model],
                          opponents, rounds=5, repeats=5, items=batch * length)

    small = {"B": 2, "L": 37, "D": 24}
    layer = small if tiny else {"B": 16, "L": 784, "D": 128}
    states = 8 if tiny else 64
    images = ["train.batch=2", "model.n_layers=1", "model.d_model=16"] if tiny else []
    bf16 = {"bf16": True}
    return [
        op("scan", "selective_scan", "selective scan",
           [Opponent("PyTorch, step by step", "selective_scan_torch", BOTH, {}, TOLERANCE),
            official("mamba_ssm", "selective_scan_mamba_ssm")],
           {"B": 8, "L": 2048, "D": 1536, "N": 16}, {**small, "N": 4}, repeats=3),
        op("causal-conv", "causal_conv1d", "causal convolution",
           [*eager_and_compiled("causal_conv1d_torch"), official("causal_conv1d", "causal_conv1d_official")],
           {"B": 8, "L": 2048, "D": 1536, "W": 4}, {**small, "W": 4}),
        op("fft-conv", "long_conv", "FFT convolution", eager_and_compiled("fft_conv_torch", label="torch.fft"),
           {"B": 16, "L": 784, "D": 128}, small),
        op("fft-conv-long", "long_conv", "FFT convolution", eager_and_compiled("fft_conv_torch", label="torch.fft"),
           {"B": 8, "L": 4096, "D": 768}, small),
        Comparison("s4d-layer", f"S4D layer {text(layer)} N{states}", ["layer", "s4d", *shape(**layer), f"d_state={states}"],
                   eager_and_compiled("s4d_layer_torch"), rounds=5, repeats=10),
        Comparison("s4d-step", "training step, S4D 4 x d128 N64, B50 L784", ["step", config("s4d_classifier"), *images],
                   eager_and_compiled("s4d_classifier_torch", STEP), rounds=5, repeats=10),
        op("s4-kernel", "s4_kernel", "S4 (DPLR) kernel", eager_and_compiled("s4_kernel_torch", label="PyTorch, naive Cauchy"),
           {"D": 256, "N": 64, "L": 1024}, {"D": 4, "N": 8, "L": 32}),
        op("attention", "attention", "causal attention",
           [Opponent("PyTorch, fused", "attention_torch", BOTH, {"heads": 2 if tiny else 12}, TOLERANCE)],
           {"B": 8, "L": 1024, "H": 12, "D": 64}, {"B": 2, "L": 37, "H": 2, "D": 8}),
        op("cross-entropy", "cross_entropy", "cross-entropy", eager_and_compiled("cross_entropy_torch"),
           {"B": 4, "L": 512, "V": 50280}, {"B": 2, "L": 5, "V": 33}),
        op("rms-norm", "rms_norm", "RMS norm", eager_and_compiled("rms_norm_torch"), {"B": 16, "L": 2048, "D": 768}, small),
        op("adamw", "adamw", "AdamW",
           [Opponent("PyTorch, fused", "adamw_torch", BOTH[:1], {"fused": True}, TOLERANCE),
            Opponent("PyTorch, foreach", "adamw_torch", BOTH[:1], {"fused": False}, TOLERANCE)], {"P": 32_000_000}, {"P": 1000}),
        mamba("mamba-step", "f32", [Opponent("PyTorch, a product for the scan", "mamba_lm_torch",
                                             [Measure("", "step", "step_with_product")], {}, TOLERANCE),
                                    official("mamba_ssm", "mamba_lm_mamba_ssm", STEP)]),
        mamba("mamba-step-bf16", "bf16", [Opponent("PyTorch, a product for the scan", "mamba_lm_torch",
                                                   [Measure("", "step", "step_with_product")], bf16, BF16_TOLERANCE),
                                          official("mamba_ssm", "mamba_lm_mamba_ssm", STEP, BF16_TOLERANCE, **bf16)]),
    ]
