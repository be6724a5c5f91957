// The recurrence of a diagonal model on a GPU: a warp has 32 channels and some elements of their states.
// See README.md, "On a GPU".
#include "kernels/diagonal_scan/diagonal_scan_chunks.h"
#include "kernels/diagonal_scan/diagonal_step_cuda.h"

namespace lw::kernels {
namespace {

constexpr int forward_warps = 8;  // of a block at most
constexpr int backward_warps = 4;
constexpr int forward_steps = 32;  // of a chunk
constexpr int together = 4;        // elements of the state that a thread advances at a time
template <class T>
inline constexpr int backward_steps = sizeof(T) == 4 ? 32 : 16;

template <class T>
struct ForwardTile {
  T u[forward_steps][lanes], y[forward_warps][forward_steps][lanes];
  bool starts[forward_steps];
};

/// A warp advances `together` elements of the state at a time, in registers, through a chunk of
/// steps; between chunks they rest in `last`.
template <class T, class Step>
__global__ void __launch_bounds__(forward_warps* lanes)
    forward_kernel(const Problem<T> p, View<T, 3> y, View<Complex<T>, 3> last) {
  auto& tile = *cuda::dynamic_shared<ForwardTile<T>>();
  const Task<T> task(p);
  for (int64_t begin = 0; begin < p.time; begin += forward_steps) {
    const int steps =
        static_cast<int>(p.time - begin < forward_steps ? p.time - begin : forward_steps);
    task.read(p.u, begin, steps, tile.u);
    task.read_starts(begin, steps, tile.starts);
    for (int i = 0; i < steps; ++i) tile.y[task.warp][i][task.lane] = 0;
    __syncthreads();
    for (int64_t first = task.warp * together; first < p.states; first += task.warps * together) {
      Step step[together];
      Complex<T> C[together] = {}, x[together] = {};
#pragma unroll
      for (int k = 0; k < together; ++k) {
        const int64_t n = first + k;
        if (!task.exists || n >= p.states) continue;
        step[k].load(task, n);
        C[k] = task.readout(n);
        x[k] = begin == 0 ? task.initial(n) : last(task.b, task.c, n);
      }
      for (int i = 0; i < steps; ++i) {
        const T u = tile.u[i][task.lane];
        T sum = tile.y[task.warp][i][task.lane];
#pragma unroll
        for (int k = 0; k < together; ++k) {
          if (tile.starts[i]) x[k] = {0, 0};
          x[k] = step[k].advance(task, begin + i, u, x[k]);
          sum = add_real_product(sum, conj(C[k]), x[k]);
        }
        tile.y[task.warp][i][task.lane] = sum;
      }
#pragma unroll
      for (int k = 0; k < together; ++k)
        if (task.exists && first + k < p.states) last(task.b, task.c, first + k) = x[k];
    }
    __syncthreads();
    task.write(tile.y, begin, steps, y);
    __syncthreads();  // before the next chunk is read
  }
  if (p.time > 0 || !task.exists) return;
  for (int64_t n = task.warp; n < p.states; n += task.warps)
    last(task.b, task.c, n) = task.initial(n);
}

/// Numbers of every state, [batch, entry, state, channel]: what the backward pass keeps between chunks.
template <class T>
struct Kept {
  Complex<T>* data;
  int64_t entries, states, channels;

  LW_HOST_DEVICE Complex<T>& at(int64_t b, int64_t entry, int64_t n, int64_t c) const {
    return data[((b * entries + entry) * states + n) * channels + c];
  }
};
enum Sum : int64_t { for_r, for_A, for_B, for_C, sums };

template <class T>
struct BackwardTile {
  static constexpr int steps = backward_steps<T>;
  Complex<T> x[steps][backward_warps * lanes];  // before each step
  T u[steps][lanes], dy[steps][lanes], du[backward_warps][steps][lanes];
  bool starts[steps];
};

/// Element n of the state back through the steps of a chunk; see README.md, "Gradient".
template <class Step, class T>
__device__ void retreat(const Task<T>& task, BackwardTile<T>& tile, int64_t begin, int steps,
                        int64_t n, Complex<T> x, const Kept<T>& kept) {
  Step step;
  step.load(task, n);
  const Complex<T> C = task.readout(n);
  for (int i = 0; i < steps; ++i) {
    tile.x[i][threadIdx.x] = x;
    if (tile.starts[i]) x = {0, 0};
    x = step.advance(task, begin + i, tile.u[i][task.lane], x);
  }
  Complex<T>&r_kept = kept.at(task.b, for_r, n, task.c),
  &dA_kept = kept.at(task.b, for_A, n, task.c), &dB_kept = kept.at(task.b, for_B, n, task.c),
  &dC_kept = kept.at(task.b, for_C, n, task.c);
  Complex<T> r = r_kept, dA = dA_kept, dB = dB_kept, dC = dC_kept;
  for (int i = steps - 1; i >= 0; --i) {
    const T dy = tile.dy[i][task.lane];
    r = add_scaled(r, dy, conj(C));
    dC = add_scaled(dC, dy, conj(x));
    x = tile.x[i][threadIdx.x];
    r = step.retreat(task, begin + i, tile.u[i][task.lane], x, r, tile.starts[i],
                     tile.du[task.warp][i][task.lane], dA, dB);
  }
  r_kept = r, dA_kept = dA, dB_kept = dB, dC_kept = dC;
}

template <class T, class Step>
__global__ void __launch_bounds__(backward_warps* lanes, 1)
    backward_kernel(const Problem<T> p, View<const T, 3> dy, View<Complex<T>, 3> dlast,
                    View<T, 3> du, View<Complex<T>, 3> dinitial, const Kept<T> starts,
                    const Kept<T> kept) {
  constexpr int most = backward_steps<T>;
  auto& tile = *cuda::dynamic_shared<BackwardTile<T>>();
  const Task<T> task(p);
  const int64_t chunks = cuda::divide_up(p.time, most);
  const auto for_states = [&](const auto& f) {
    if (task.exists)
      for (int64_t n = task.warp; n < p.states; n += task.warps) f(n);
  };
  const auto steps_of = [&](int64_t chunk) {
    return static_cast<int>(p.time - chunk * most < most ? p.time - chunk * most : most);
  };
  for_states([&](int64_t n) {
    kept.at(task.b, for_r, n, task.c) = dlast.data ? dlast(task.b, task.c, n) : Complex<T>{0, 0};
    for (const Sum sum : {for_A, for_B, for_C}) kept.at(task.b, sum, n, task.c) = {0, 0};
    if (chunks > 0) starts.at(task.b, 0, n, task.c) = task.initial(n);
  });

  for (int64_t chunk = 0; chunk + 1 < chunks; ++chunk) {
    task.read(p.u, chunk * most, most, tile.u);
    task.read_starts(chunk * most, most, tile.starts);
    __syncthreads();
    for_states([&](int64_t n) {
      Step step;
      step.load(task, n);
      Complex<T> x = starts.at(task.b, chunk, n, task.c);
      for (int i = 0; i < most; ++i) {
        if (tile.starts[i]) x = {0, 0};
        x = step.advance(task, chunk * most + i, tile.u[i][task.lane], x);
      }
      starts.at(task.b, chunk + 1, n, task.c) = x;
    });
    __syncthreads();
  }

  for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
    const int steps = steps_of(chunk);
    task.read(p.u, chunk * most, steps, tile.u);
    task.read(dy, chunk * most, steps, tile.dy);
    task.read_starts(chunk * most, steps, tile.starts);
    for (int i = 0; i < steps; ++i) tile.du[task.warp][i][task.lane] = 0;
    __syncthreads();
    for_states([&](int64_t n) {
      retreat<Step>(task, tile, chunk * most, steps, n, starts.at(task.b, chunk, n, task.c), kept);
    });
    __syncthreads();
    task.write(tile.du, chunk * most, steps, du);
    __syncthreads();
  }
  if (dinitial.data)
    for_states([&](int64_t n) { dinitial(task.b, task.c, n) = kept.at(task.b, for_r, n, task.c); });
}

/// Adds over the batch; an element of the state a thread.
template <class T>
__global__ void sum_kernel(const Kept<T> kept, int64_t batch, T scale, View<Complex<T>, 2> dA,
                           View<Complex<T>, 2> dB, View<Complex<T>, 2> dC) {
  const int64_t i = cuda::thread_number(), c = i % kept.channels, n = i / kept.channels;
  if (n >= kept.states) return;
  Complex<double> sum[sums] = {};
  for (int64_t b = 0; b < batch; ++b)
#pragma unroll
    for (int k = for_A; k < sums; ++k) sum[k] += widen(kept.at(b, k, n, c));
  dA(c, n) = narrow<T>(sum[for_A]);
  dB(c, n) = narrow<T>(sum[for_B]);
  dC(c, n) = narrow<T>(static_cast<double>(scale) * sum[for_C]);
}

template <class T, class Step>
void forward_of(const DiagonalScan& in, Tensor& y, Tensor& state) {
  const Problem<T> p(in);
  cuda::launch(forward_kernel<T, Step>, p.grid(together, forward_warps, sizeof(ForwardTile<T>)), p,
               y.view<T, 3>(), complex_view<T, 3>(state));
}

template <class T, class Step>
void backward_of(const DiagonalScan& in, const Tensor& dy, const Tensor& dstate,
                 DiagonalScanGradients& out) {
  const Problem<T> p(in);
  const int64_t chunks = cuda::divide_up(p.time, backward_steps<T>);
  const auto memory = [&](int64_t entries) {
    return Tensor::empty(Shape{p.batch, entries, p.states, p.channels}, dtype_of<std::complex<T>>,
                         in.u.device());
  };
  const Tensor starts = memory(chunks), kept = memory(sums);
  const auto table = [&](const Tensor& t) {
    return Kept<T>{static_cast<Complex<T>*>(t.raw()), t.size(1), p.states, p.channels};
  };
  cuda::launch(backward_kernel<T, Step>, p.grid(1, backward_warps, sizeof(BackwardTile<T>)), p,
               dy.view<const T, 3>(), complex_view<T, 3>(dstate), out.u.view<T, 3>(),
               complex_view<T, 3>(out.state), table(starts), table(kept));
  cuda::launch(sum_kernel<T>, cuda::cover(p.states * p.channels), table(kept), p.batch, p.scale,
               complex_view<T, 2>(out.A), complex_view<T, 2>(out.B), complex_view<T, 2>(out.C));
}

/// Calls f(TypeTag<T>(), TypeTag<Step>()).
template <class F>
void for_step(const DiagonalScan& in, F&& f) {
  for_float("diagonal_scan", in.u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (in.intervals)
      f(TypeTag<T>(), TypeTag<SampledStep<T>>());
    else
      f(TypeTag<T>(), TypeTag<RegularStep<T>>());
  });
}

bool in_chunks(const DiagonalScan& in) {
  return !in.resets && !in.intervals && in.A.size(1) > 0 &&
         in.u.size(1) >= shortest_scan_in_chunks(in.u.dtype());
}

void forward(const DiagonalScan& in, Tensor& y, Tensor& state) {
  if (in_chunks(in)) return diagonal_scan_forward_in_chunks(in, y, state);
  for_step(in, [&](auto type, auto step) {
    forward_of<typename decltype(type)::type, typename decltype(step)::type>(in, y, state);
  });
}

void backward(const DiagonalScan& in, const Tensor& dy, const Tensor& dstate,
              DiagonalScanGradients& out) {
  if (in_chunks(in)) return diagonal_scan_backward_in_chunks(in, dy, dstate, out);
  for_step(in, [&](auto type, auto step) {
    backward_of<typename decltype(type)::type, typename decltype(step)::type>(in, dy, dstate, out);
  });
}

void shortest_in_chunks(const Tensor& u, int64_t& steps) {
  steps = shortest_scan_in_chunks(u.dtype());
}

const Implementation on_cuda[] = {
    {diagonal_scan_forward, DeviceKind::cuda, &forward},
    {diagonal_scan_backward, DeviceKind::cuda, &backward},
    {diagonal_scan_shortest_in_chunks, DeviceKind::cuda, &shortest_in_chunks}};

}  // namespace
}  // namespace lw::kernels
