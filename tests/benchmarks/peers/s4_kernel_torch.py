"""The convolution kernel of S4 with the Cauchy sums written out: every pair of state and frequency in memory.

With w_j = exp(-2 pi i j / L), h_j = (1 + w_j) / 2, d_jn = (1 - w_j) - dt lambda_n h_j and
s_ab(j) = sum_n a_n b_n / d_jn over both halves of the state, the spectrum of the kernel is
K_j = dt [ s_CB - dt h_j s_CP s_QB / (1 + dt h_j s_QP) ], Q = conj(P)  (rank 1).
"""

import torch

from peers.torch_gradients import Op, tensor, tensors


class Peer(Op):
    def __init__(self, inputs, options):
        super().__init__(tensors(inputs, "inputs"), tensor(inputs["outputs/dy"]), options)
        self.length = self.dy.shape[-1]
        self.slice = options.get("slice", self.length)  # frequencies at a time

        self.gradients = options.get("gradients", True)  # at 16,384 steps they take 6 GB

    def results(self):
        return super().results() if self.gradients else {"outputs/y": self.forward().cpu().numpy()}

    def spectrum(self, first, last):
        x = self.leaves
        angle = 2 * torch.pi * torch.arange(first, last, dtype=torch.float64, device=self.dy.device) / self.length
        w = torch.polar(torch.ones_like(angle), -angle)
        h = ((1 + w) / 2).to(torch.complex64)
        one_minus_w = (1 - w).to(torch.complex64)
        dt, lam, P, B, Ct = x["dt"], x["lambda"], x["P"][0], x["B"], x["Ct"]

        def denominator(eigenvalues):
            return one_minus_w - (dt.unsqueeze(-1) * eigenvalues).unsqueeze(-1) * h  # (H, N/2, frequency)

        d, d_conj = denominator(lam), denominator(lam.conj())

        def cauchy(v):
            return (v.unsqueeze(-1) / d + v.conj().unsqueeze(-1) / d_conj).sum(1)

        dt_h = dt.unsqueeze(-1) * h
        s_cb, s_cp, s_qb, s_qp = cauchy(Ct * B), cauchy(Ct * P), cauchy(P.conj() * B), cauchy(P.conj() * P)
        return dt.unsqueeze(-1) * (s_cb - dt_h * s_cp * s_qb / (1 + dt_h * s_qp))

    def compute(self):
        count = self.length // 2 + 1
        parts = [self.spectrum(j, min(j + self.slice, count)) for j in range(0, count, self.slice)]
        return torch.fft.irfft(torch.cat(parts, -1), n=self.length)
