"""What Longwave promises of itself: cost over length, threads, precision, a flat rate of generation."""

from statistics import median

from longwave import config

LONG = ["step", config("long")]
MAMBA = ["step", config("mamba_lm")]
S4D = ["step", config("s4d_classifier")]


def interleaved(calls, rounds):
    """The median of each call, taken in turns."""
    values = [[call() for call in calls] for _ in range(rounds)]
    return [median(column) for column in zip(*values)]


def row(work, ours, other, other_value, ratio, bar, good):
    return {"work": work, "ours": ours, "peer": other, "theirs": other_value, "ratio": ratio, "bar": bar, "good": good}


def length(longwave, rounds, tokens=65536):
    """A token in a sequence of 65,536 beside one of 512."""
    for layer, bar in (("mamba1", 1.3), ("s4", 2), ("s4d", 2)):
        def token_us(L):
            model = [f"model.layer={layer}", f"data.length={L}"] + ([f"model.l_max={tokens}"] if layer == "s4" and L == tokens else [])
            return 1000 * longwave.bench(*LONG, *model, rounds=2)["step_ms"] / L
        long, short = interleaved([lambda: token_us(tokens), lambda: token_us(512)], rounds)
        yield row(f"a token's part of a step, us, {layer} 4 x d128, L {tokens}", long, "L 512", short, long / short, f"<= {bar}",
                  long / short <= bar)


def threads(longwave, rounds):
    """Two threads beside one, and what a loop of multiply-adds gains in the same run."""
    def fmas(n):
        return longwave.bench("machine", threads=n)["scalar_gfmas_per_s"]
    def step_ms(arguments, n):
        return longwave.bench(*arguments, rounds=2, threads=n)["step_ms"]
    for label, step in (("Mamba-1 12 x d256", MAMBA), ("S4D 4 x d128", S4D)):
        two, one, fma_two, fma_one = interleaved([lambda: step_ms(step, 2), lambda: step_ms(step, 1), lambda: fmas(2), lambda: fmas(1)],
                                                 rounds)
        gain, possible = one / two, fma_two / fma_one
        yield row(f"training step, {label}, two threads, ms (a plain loop gains {possible:.2f})", two, "one thread", one, gain,
                  f">= {0.9 * possible:.2f}", gain >= 0.9 * possible)


def precision(longwave, rounds):
    """bf16 beside f32 at d768; the bar is for machines with AMX."""
    model = ["model.d_model=768", "model.n_layers=4"]
    half, single = interleaved([lambda p=p: longwave.bench(*MAMBA, *model, f"precision={p}", rounds=1)["step_ms"] for p in ("bf16", "f32")],
                               rounds)
    with open("/proc/cpuinfo") as file:
        amx = "amx_bf16" in file.read()
    yield row("training step, Mamba-1 4 x d768, bf16, ms", half, "f32", single, single / half, ">= 1.4" if amx else ">= 1.4 with AMX",
              single / half >= 1.4 if amx else None)


def flat(longwave, rounds):
    """Generation: the last tokens of many beside the first, and the share of the floor that memory sets."""
    small = ["model.d_model=128", "model.n_layers=4", "data.vocabulary=256", "--tokens", 16384]
    for label, model in (("4 x d128, 16,384 tokens", small), ("130M, 512 tokens", ["--tokens", 512])):
        line = longwave.bench("generate", config("mamba_130m"), *model)
        last, first = 1000 / line["last_tokens_per_s"], 1000 / line["first_tokens_per_s"]
        yield row(f"generation, {label}: one of the last 256, ms", last, "one of the first 256", first, last / first, "<= 1.1",
                  last / first <= 1.1)
    for weights in ("f32", "bf16", "int8"):
        lines = [longwave.bench("generate", config("mamba_130m"), "--weights", weights, "--tokens", 64) for _ in range(rounds)]
        floor, token = median(line["floor_ms"] for line in lines), median(line["token_ms"] for line in lines)
        yield row(f"generation, 130M, {weights}: share of the floor, a token, ms", token, "memory", floor, floor / token,
                  "" if weights == "int8" else ">= 0.85", None if weights == "int8" else floor / token >= 0.85)


OWN = {"length": length, "threads": threads, "precision": precision, "flat": flat}
