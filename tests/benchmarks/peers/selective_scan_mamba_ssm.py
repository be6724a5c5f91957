"""The selective scan of Mamba-1 by its authors' kernel (mamba_ssm), all of it fused."""

from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

from peers.layout import TurnedOp


class Peer(TurnedOp):
    def __init__(self, inputs, options):
        super().__init__(inputs, ["u", "delta", "z", "B", "C"], options)

    def compute(self):
        x = self.leaves
        return selective_scan_fn(x["u"], x["delta"], x["A"], x["B"], x["C"], x["D"], x["z"], delta_softplus=True)
