"""S5 and LRU layers with JAX's associative scan, compiled: the form in which both were published.

The mixing behind them is that of Longwave's layers, GELU, a linear map to twice the width, and GLU.
"""

import jax
import jax.numpy as jnp
import numpy
from jax import lax


def scan(a, x):
    """h_t = a h_{t-1} + x_t along the second axis, for a of all steps."""
    join = lambda left, right: (left[0] * right[0], right[0] * left[1] + right[1])
    return lax.associative_scan(join, (jnp.broadcast_to(a, x.shape), x), axis=1)[1]


def mix(v, p):
    y = jax.nn.gelu(v, approximate=False) @ p["mix.weight"].T + p["mix.bias"]
    value, gate = jnp.split(y, 2, axis=-1)
    return value * jax.nn.sigmoid(gate)


def s5(u, p):
    A = -jnp.exp(p["log_A_real"]) + 1j * p["A_imag"]
    a = jnp.exp(A * jnp.exp(p["log_dt"]))
    B = ((a - 1) / A)[:, None] * (p["B_real"] + 1j * p["B_imag"])
    h = scan(a, jnp.einsum("btc,nc->btn", u, B))
    return mix(2 * jnp.einsum("btn,cn->btc", h, p["C_real"] + 1j * p["C_imag"]).real + p["D"] * u, p)


def lru(u, p):
    a = jnp.exp(-jnp.exp(p["nu"]) + 1j * jnp.exp(p["theta"]))
    B = jnp.exp(p["log_gamma"])[:, None] * (p["B_real"] + 1j * p["B_imag"])
    h = scan(a, jnp.einsum("btc,nc->btn", u, B))
    return mix(jnp.einsum("btn,cn->btc", h, p["C_real"] + 1j * p["C_imag"]).real + p["D"] * u, p)


class Peer:
    def __init__(self, inputs, options):
        layer = {"s5": s5, "lru": lru}[options["layer"]]
        self.u, self.dy = jnp.asarray(inputs["inputs/x"]), jnp.asarray(inputs["outputs/dy"])
        self.p = {path[7:]: jnp.asarray(array) for path, array in inputs.items() if path.startswith("params/")}
        self.value = jax.jit(layer)

        def value_and_gradients(u, p, dy):
            y, pull = jax.vjp(layer, u, p)
            return y, pull(dy)

        self.value_and_gradients = jax.jit(value_and_gradients)

    def forward(self):
        return self.value(self.u, self.p).block_until_ready()

    def both(self):
        return jax.block_until_ready(self.value_and_gradients(self.u, self.p, self.dy))

    def results(self):
        y, (du, dp) = self.both()
        gradients = {"gradients/x": du, **{"gradients/" + name: g for name, g in dp.items()}}
        return {"outputs/y": numpy.asarray(y), **{name: numpy.asarray(g) for name, g in gradients.items()}}
