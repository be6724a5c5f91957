// The kernel of S4D on a GPU: K as a matrix of 128 columns, in tiles of products of two tables of powers.
// See README.md, "On a GPU".
#include "core/cuda_reduce.h"
#include "kernels/complex_cuda.h"
#include "kernels/s4d_kernel/element.h"
#include "kernels/s4d_kernel/s4d_kernel.h"

namespace lw::kernels {
namespace {

constexpr int columns = 128;     // M
constexpr int state_chunk = 16;  // elements of the state whose tables are in shared memory
constexpr int threads = 256;
constexpr int strides = threads / state_chunk;  // threads that share the powers of an element
constexpr int forward_rows = 32;                // of a tile
constexpr int row_pitch = columns + 4;  // of a tile of dK: no two rows of a warp in one bank
constexpr int own_rows = 4;             // of a tile forward, in the registers of a thread

/// Rows that a thread of the backward pass has of a tile, and rows of the tile: f64 then fits the
/// shared memory of the smaller GPUs.
template <class T>
inline constexpr int back_rows = sizeof(T) == 4 ? 4 : 2;
template <class T>
inline constexpr int tile_rows = strides* back_rows<T>;

using Z = Complex<double>;

/// k c, p and p^M of an element.
struct Powers {
  Z coefficient, low, high;
};

template <class T>
struct Problem {
  const T* dt;
  View<Complex<T>, 2> A, B, C;
  Discretization method;
  double scale;

  explicit Problem(const S4dKernel& in)
      : dt(in.dt.data<T>()),
        A(complex_view<T, 2>(in.A)),
        B(complex_view<T, 2>(in.B)),
        C(complex_view<T, 2>(in.C)),
        method(in.method),
        scale(in.conjugate_pairs ? 2 : 1) {}
  __device__ S4dElement<Z> element(int64_t h, int64_t n) const {
    return {method,         static_cast<double>(dt[h]),
            widen(A(h, n)), B.data ? widen(B(h, n)) : Z{1, 0},
            widen(C(h, n)), scale};
  }
};

template <class T>
__global__ void prepare_kernel(Problem<T> problem, Powers* powers) {
  const int64_t i = cuda::thread_number(), states = problem.A.sizes[1];
  if (i >= problem.A.sizes[0] * states) return;
  const auto e = problem.element(i / states, i % states);
  const Z p = e.sampled.pole.p;
  powers[i] = {e.coefficient(), p, complex_power(p, columns)};
}

/// A block computes a tile of forward_rows x columns values of K; a warp has four rows.
template <class T>
__global__ void __launch_bounds__(threads)
    forward_kernel(const Powers* powers, int64_t states, int64_t tiles, View<T, 2> K) {
  // Real parts of p^j and of k c p^{Mm}, then imaginary ones, of -p^j and k c p^{Mm}.
  alignas(16) __shared__ T low[2 * state_chunk][columns], high[2 * state_chunk][forward_rows];
  const int64_t h = blockIdx.x / tiles, first_row = blockIdx.x % tiles * forward_rows;
  const int64_t time = K.sizes[1];
  const int lane = static_cast<int>(threadIdx.x) % warpSize;
  const int row = static_cast<int>(threadIdx.x) / warpSize * own_rows;
  const int stride = static_cast<int>(threadIdx.x) % strides;
  const int mine = static_cast<int>(threadIdx.x) / strides;
  const bool works = (first_row + row) * columns < time;
  T sum[own_rows][columns / 32] = {};
  for (int64_t first = 0; first < states; first += state_chunk) {
    const int count = static_cast<int>(first + state_chunk < states ? state_chunk : states - first);
    __syncthreads();  // the tables before these have been read
    if (mine < count) {
      const Powers p = powers[h * states + first + mine];
      Z z = complex_power(p.low, stride), step = complex_power(p.low, strides);
      for (int j = stride; j < columns; j += strides, z = z * step) {
        low[mine][j] = static_cast<T>(z.re);
        low[state_chunk + mine][j] = static_cast<T>(-z.im);
      }
      z = p.coefficient * complex_power(p.high, first_row + stride);
      step = complex_power(p.high, strides);
      for (int m = stride; m < forward_rows; m += strides, z = z * step) {
        high[mine][m] = static_cast<T>(z.re);
        high[state_chunk + mine][m] = static_cast<T>(z.im);
      }
    }
    __syncthreads();
    if (!works) continue;
    for (int n = 0; n < count; ++n)
#pragma unroll
      for (int part = 0; part < 2; ++part)
#pragma unroll
        for (int c = 0; c < columns / 32; ++c) {
          const T right = low[part * state_chunk + n][c * 32 + lane];
#pragma unroll
          for (int r = 0; r < own_rows; ++r)
            sum[r][c] += high[part * state_chunk + n][row + r] * right;
        }
  }
#pragma unroll
  for (int r = 0; r < own_rows; ++r)
#pragma unroll
    for (int c = 0; c < columns / 32; ++c) {
      const int64_t l = (first_row + row + r) * columns + c * 32 + lane;
      if (l < time) K(h, l) = sum[r][c];
    }
}

/// What a block of the backward pass keeps in shared memory.
template <class T>
struct BackwardTile {
  T powers[columns][state_chunk][4];  // Re p^j, Im p^j, Re j p^{j-1}, Im j p^{j-1}
  T g[tile_rows<T>][row_pitch];       // a tile of dK
};

/// Adds over j what the rows of a thread have of g times the four tables of its element.
template <class T>
__device__ void row_sums(const BackwardTile<T>& tile, int row, int n, T (&sum)[back_rows<T>][4]) {
  for (int j = 0; j < columns; j += 4) {
    T g[back_rows<T>][4];
#pragma unroll
    for (int r = 0; r < back_rows<T>; ++r)
#pragma unroll
      for (int i = 0; i < 4; ++i) g[r][i] = tile.g[row + r][j + i];
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const T power = tile.powers[j + i][n][k];
#pragma unroll
        for (int r = 0; r < back_rows<T>; ++r) sum[r][k] += g[r][i] * power;
      }
  }
}

/// A block takes up to state_chunk elements of a channel; a thread one of them, and a few
/// rows of each tile of dK.
template <class T>
__global__ void __launch_bounds__(threads)
    backward_kernel(Problem<T> problem, const Powers* powers, View<const T, 2> dK,
                    View<Complex<T>, 2> dA, View<Complex<T>, 2> dB, View<Complex<T>, 2> dC,
                    double* ddt) {
  auto& tile = *cuda::dynamic_shared<BackwardTile<T>>();
  const int64_t states = problem.A.sizes[1], time = dK.sizes[1];
  const int64_t chunks = cuda::divide_up(states, state_chunk);
  const int64_t h = blockIdx.x / chunks, first = blockIdx.x % chunks * state_chunk;
  const int n = static_cast<int>(threadIdx.x) % state_chunk;
  const int group = static_cast<int>(threadIdx.x) / state_chunk, row = group * back_rows<T>;
  const bool exists = first + n < states;
  const Powers p = exists ? powers[h * states + first + n] : Powers{};

  const Z gap = complex_power(p.low, strides - 1);
  Z z = complex_power(p.low, group);
  Z before = group > 0 ? complex_power(p.low, group - 1) : Z{0, 0};
  for (int j = group; j < columns; j += strides) {
    T* to = tile.powers[j][n];
    to[0] = static_cast<T>(z.re);
    to[1] = static_cast<T>(z.im);
    to[2] = static_cast<T>(j * before.re);
    to[3] = static_cast<T>(j * before.im);
    before = z * gap;
    z = before * p.low;
  }

  Z for_c{0, 0}, for_p{0, 0};
  const Z last = complex_power(p.low, columns - 1);                    // p^{M-1}
  const Z jump = complex_power(p.high, tile_rows<T> - 1);              // to before the next tile
  Z high = complex_power(p.high, row);                                 // p^{Mm} of the first row
  Z high_before = row > 0 ? complex_power(p.high, row - 1) : Z{0, 0};  // p^{M(m-1)}
  for (int64_t begin = 0; begin < time; begin += tile_rows<T> * columns) {
    __syncthreads();  // the tile before this one has been read
    for (int i = static_cast<int>(threadIdx.x); i < tile_rows<T> * columns; i += threads)
      tile.g[i / columns][i % columns] = begin + i < time ? dK(h, begin + i) : T{0};
    __syncthreads();
    Z now = high, earlier = high_before;
    if (begin + row * columns < time) {
      T sum[back_rows<T>][4] = {};
      row_sums(tile, row, n, sum);
#pragma unroll
      for (int r = 0; r < back_rows<T>; ++r) {
        const Z value = widen(Complex<T>{sum[r][0], sum[r][1]});
        const Z slope = widen(Complex<T>{sum[r][2], sum[r][3]});
        const auto exponent = static_cast<double>(begin + (row + r) * columns);
        for_c += now * value;
        for_p += now * slope + exponent * (earlier * last * value);
        earlier = now;
        now = now * p.high;
      }
    }
    high_before = high * jump;
    high = high_before * p.high;
  }

  __syncthreads();
  auto* sums = reinterpret_cast<Z*>(&tile);  // [c or p, group, element]
  sums[threadIdx.x] = for_c;
  sums[threads + threadIdx.x] = for_p;
  __syncthreads();
  if (group > 0 || !exists) return;
  for (int i = 1; i < strides; ++i) {
    for_c += sums[i * state_chunk + n];
    for_p += sums[threads + i * state_chunk + n];
  }
  const auto d = problem.element(h, first + n).gradients(for_c, for_p);
  dA(h, first + n) = narrow<T>(d.A);
  if (dB.data) dB(h, first + n) = narrow<T>(d.B);
  dC(h, first + n) = narrow<T>(d.C);
  ddt[h * states + first + n] = d.dt.re;
}

/// A warp adds up a channel.
template <class T>
__global__ void dt_kernel(const double* parts, int64_t states, T* ddt) {
  double sum = 0;
  for (int64_t n = threadIdx.x; n < states; n += warpSize) sum += parts[blockIdx.x * states + n];
  sum = cuda::fold_warp<cuda::Sum>(sum);
  if (threadIdx.x == 0) ddt[blockIdx.x] = static_cast<T>(sum);
}

template <class T>
Tensor prepared(const S4dKernel& in) {
  constexpr int64_t doubles = sizeof(Powers) / sizeof(double);
  const Tensor powers = Tensor::empty({in.A.numel(), doubles}, DType::f64, in.A.device());
  cuda::launch(prepare_kernel<T>, cuda::cover(in.A.numel(), 128), Problem<T>(in),
               static_cast<Powers*>(powers.raw()));
  return powers;
}

void forward(const S4dKernel& in, Tensor& K) {
  for_float("s4d_kernel", K.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor powers = prepared<T>(in);
    const int64_t tiles = cuda::divide_up(K.size(1), forward_rows * columns);
    cuda::launch(forward_kernel<T>, cuda::blocks(K.size(0) * tiles, threads),
                 static_cast<const Powers*>(powers.raw()), in.A.size(1), tiles, K.view<T, 2>());
  });
}

void backward(const S4dKernel& in, const Tensor& dK, S4dKernelGradients& out) {
  for_float("s4d_kernel", dK.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor powers = prepared<T>(in),
                 ddt = Tensor::empty(in.A.shape(), DType::f64, in.A.device());
    const int64_t channels = in.A.size(0), states = in.A.size(1);
    cuda::Grid grid = cuda::blocks(channels * cuda::divide_up(states, state_chunk), threads);
    grid.shared_bytes = sizeof(BackwardTile<T>);
    cuda::launch(backward_kernel<T>, grid, Problem<T>(in), static_cast<const Powers*>(powers.raw()),
                 dK.view<const T, 2>(), complex_view<T, 2>(out.A), complex_view<T, 2>(out.B),
                 complex_view<T, 2>(out.C), ddt.data<double>());
    cuda::launch(dt_kernel<T>, cuda::blocks(channels, 32), ddt.data<double>(), states,
                 out.dt.data<T>());
  });
}

const Implementation on_cuda[] = {{s4d_kernel_forward, DeviceKind::cuda, &forward},
                                  {s4d_kernel_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
