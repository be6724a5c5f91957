// What the kernels of diagonal_scan on a GPU share: the arguments, a thread's place among them, and the
// step of an element of the state. Internal; for .cu files.
#pragma once

#include "kernels/complex_cuda.h"
#include "kernels/diagonal_scan/diagonal_scan.h"
#include "kernels/discretize/pole.h"
#include "kernels/segments.h"

namespace lw::kernels {
namespace {

constexpr int lanes = 32;  // channels of a block
template <class T>
struct Problem {
  View<const T, 3> u;
  View<Complex<T>, 2> A, B, C;
  View<Complex<T>, 3> state;  // without data: zero
  View<const uint8_t, 2> resets;
  View<const T, 2> intervals;  // without data: A and B are discrete
  Discretization method;
  T scale;
  int64_t batch, time, channels, states, panels;

  explicit Problem(const DiagonalScan& in)
      : u(in.u.view<const T, 3>()),
        A(complex_view<T, 2>(in.A)),
        B(complex_view<T, 2>(in.B)),
        C(complex_view<T, 2>(in.C)),
        state(complex_view<T, 3>(in.state)),
        resets(optional_view<const uint8_t, 2>(in.resets)),
        intervals(optional_view<const T, 2>(in.intervals)),
        method(in.method),
        scale(in.conjugate_pairs ? 2 : 1),
        batch(u.sizes[0]),
        time(u.sizes[1]),
        channels(u.sizes[2]),
        states(A.sizes[1]),
        panels(cuda::divide_up(channels, lanes)) {}

  /// A block for each batch row and 32 channels, a warp for each `each` elements of the state.
  cuda::Grid grid(int64_t each, int most_warps, int64_t shared_bytes) const {
    const int64_t wanted = cuda::divide_up(states, each);
    const int warps = wanted < 1 ? 1 : wanted < most_warps ? static_cast<int>(wanted) : most_warps;
    cuda::Grid grid = cuda::blocks(batch * panels, warps * lanes);
    grid.shared_bytes = shared_bytes;
    return grid;
  }
};

/// What a thread works on.
template <class T>
struct Task {
  const Problem<T>& p;
  int lane, warp, warps;
  int64_t b, c;
  bool exists;  // the channel

  __device__ explicit Task(const Problem<T>& problem)
      : p(problem),
        lane(static_cast<int>(threadIdx.x) % lanes),
        warp(static_cast<int>(threadIdx.x) / lanes),
        warps(static_cast<int>(blockDim.x) / lanes),
        b(blockIdx.x / p.panels),
        c(blockIdx.x % p.panels * lanes + lane),
        exists(c < p.channels) {}

  /// rows[i] = source[b, begin + i, channels of the block]
  __device__ void read(const View<const T, 3>& source, int64_t begin, int steps,
                       T (*rows)[lanes]) const {
    for (int i = warp; i < steps; i += warps)
      rows[i][lane] = exists ? source(b, begin + i, c) : T{0};
  }
  /// out[b, begin + i, channels of the block] = the sum over the warps of parts[warp][i]
  template <int kSteps>
  __device__ void write(T (*parts)[kSteps][lanes], int64_t begin, int steps,
                        const View<T, 3>& out) const {
    if (!exists) return;
    for (int i = warp; i < steps; i += warps) {
      T sum = parts[0][i][lane];
      for (int w = 1; w < warps; ++w) sum += parts[w][i][lane];
      out(b, begin + i, c) = sum;
    }
  }
  __device__ void read_starts(int64_t begin, int steps, bool* starts) const {
    for (int i = static_cast<int>(threadIdx.x); i < steps; i += static_cast<int>(blockDim.x))
      starts[i] = starts_at(p.resets, b, begin + i);
  }
  __device__ Complex<T> initial(int64_t n) const {
    return p.state.data ? p.state(b, c, n) : Complex<T>{0, 0};
  }
  __device__ Complex<T> readout(int64_t n) const { return p.scale * p.C(c, n); }
};

/// x_t = A x_{t-1} + B u_t for an element of the state, the same at all times.
template <class T>
struct RegularStep {
  using Z = Complex<T>;
  Z A = {}, B = {};

  __device__ void load(const Task<T>& task, int64_t n) {
    A = task.p.A(task.c, n), B = task.p.B(task.c, n);
  }
  __device__ Z advance(const Task<T>&, int64_t, T u, Z x) const { return add_product(u * B, A, x); }
  /// From r_t to conj(A) r_t; du, dA and dB receive what the step adds. x is what stood before it;
  /// `fresh`: nothing did.
  __device__ Z retreat(const Task<T>&, int64_t, T u, Z x, Z r, bool fresh, T& du, Z& dA,
                       Z& dB) const {
    du = add_real_product(du, B, r);
    dB = add_scaled(dB, u, r);
    if (fresh) return {0, 0};
    dA = add_conj_product(dA, x, r);
    return add_conj_product(Z{0, 0}, A, r);
  }
};

/// x_t = p(tau_t A) x_{t-1} + tau_t f(tau_t A) B u_t, sampled in double.
template <class T>
struct SampledStep {
  using Z = Complex<T>;
  Z A = {}, B = {};

  __device__ void load(const Task<T>& task, int64_t n) {
    A = task.p.A(task.c, n), B = task.p.B(task.c, n);
  }
  __device__ auto sample(const Task<T>& task, int64_t t) const {
    const double tau = task.exists ? static_cast<double>(task.p.intervals(task.b, t)) : 0;
    return DiscreteElement<Complex<double>>(task.p.method, tau, widen(A), widen(B));
  }
  __device__ Z advance(const Task<T>& task, int64_t t, T u, Z x) const {
    const auto element = sample(task, t);
    return add_product(u * narrow<T>(element.Bbar()), narrow<T>(element.pole.p), x);
  }
  __device__ Z retreat(const Task<T>& task, int64_t t, T u, Z x, Z r, bool fresh, T& du, Z& dA,
                       Z& dB) const {
    const auto element = sample(task, t);
    du = add_real_product(du, narrow<T>(element.Bbar()), r);
    const Complex<double> dp = fresh ? Complex<double>{0, 0} : widen(conj(x) * r);
    const auto d = element.gradients(dp, widen(u * r));
    dA += narrow<T>(d.A), dB += narrow<T>(d.B);
    return fresh ? Z{0, 0} : add_conj_product(Z{0, 0}, narrow<T>(element.pole.p), r);
  }
};

}  // namespace
}  // namespace lw::kernels
