// The kernel of S4 on a GPU: a node a thread, sums in registers, everything in double. See README.md,
// "On a GPU".
#include <algorithm>

#include "core/cuda_reduce.h"
#include "kernels/fft/fft.h"
#include "kernels/s4_kernel/s4_node_cuda.h"

namespace lw::kernels {
namespace {

using s4::Z;

constexpr int tile_nodes = 128;          // of a block, one a thread
constexpr int tile_states = 16;          // elements whose entries are in shared memory at a time
constexpr int slices = tile_nodes / 32;  // of a tile: what a thread of the backward pass adds up
constexpr int64_t enough_blocks = 528;   // four for each processor of an H100

/// What all blocks of a call share. A pair of channels, h and h + pairs, is the real and the
/// imaginary part of one complex signal.
struct Problem {
  const double* dt;
  View<Z, 2> lambda, B, Ct;
  View<Z, 3> P;
  const double* entries;  // [channel, state, entry]
  int64_t channels, states, rank, length, nodes, pairs;

  Problem(const S4Kernel& in, const Tensor& memory)
      : dt(in.dt.data<double>()),
        lambda(complex_view<double, 2>(in.lambda)),
        B(complex_view<double, 2>(in.B)),
        Ct(complex_view<double, 2>(in.Ct)),
        P(complex_view<double, 3>(in.P)),
        entries(memory.data<double>()),
        channels(lambda.sizes[0]),
        states(lambda.sizes[1]),
        rank(in.P ? P.sizes[0] : 0),
        length(in.length),
        nodes(length / 2 + 1),
        pairs(pairs_of(in)) {}

  static int64_t pairs_of(const S4Kernel& in) { return (in.lambda.size(0) + 1) / 2; }
  __device__ s4::Element element(int64_t h, int64_t n) const {
    return {rank, lambda(h, n), B(h, n), Ct(h, n), [&](int64_t r) { return P(r, h, n); }};
  }
  __device__ int64_t mirror(int64_t j) const { return j == 0 ? 0 : length - j; }
};

__global__ void entries_kernel(const Problem p, double* entries) {
  const int64_t i = cuda::thread_number();
  if (i >= p.channels * p.states) return;
  double* to = entries + i * s4::entries_of(p.rank);
  p.element(i / p.states, i % p.states).write([&](int64_t entry, double value) {
    to[entry] = value;
  });
}

/// The sums S_ab of channel h at the node of this thread. All threads of the block call it.
template <int R>
__device__ void sum_states(const Problem& p, int64_t h, const s4::Node& node,
                           Z (&S)[(1 + R) * (1 + R)]) {
  constexpr int entries = s4::entries_of(R);
  __shared__ double tile[tile_states * entries];
  for (Z& sum : S) sum = {0, 0};
  for (int64_t first = 0; first < p.states; first += tile_states) {
    const int count =
        static_cast<int>(p.states - first < tile_states ? p.states - first : tile_states);
    __syncthreads();  // the tile before this one has been read
    const double* from = p.entries + (h * p.states + first) * entries;
    for (int i = static_cast<int>(threadIdx.x); i < count * entries; i += tile_nodes)
      tile[i] = from[i];
    __syncthreads();
    for (int n = 0; n < count; ++n) s4::add_element<R>(node, tile + n * entries, S);
  }
}

/// Khat of a pair of channels at tile_nodes nodes and their mirrors.
template <int R>
__global__ void __launch_bounds__(tile_nodes)
    transfer_kernel(const Problem p, int64_t tiles, Z* spectrum) {
  const int64_t pair = blockIdx.x / tiles;
  const int64_t j = blockIdx.x % tiles * tile_nodes + threadIdx.x;
  Z K[2] = {};
  for (int part = 0; part < 2; ++part) {
    const int64_t h = pair + part * p.pairs;
    if (h >= p.channels) break;
    const s4::Node node(j, p.length, p.dt[h]);
    Z S[(1 + R) * (1 + R)];
    sum_states<R>(p, h, node, S);
    K[part] = p.dt[h] * node.turned(s4::Woodbury<R>(node.tau, S).F);
  }
  if (j >= p.nodes) return;
  Z* of_pair = spectrum + pair * p.length;
  of_pair[j] = {K[0].re - K[1].im, K[0].im + K[1].re};
  of_pair[p.mirror(j)] = {K[0].re + K[1].im, K[1].re - K[0].im};
}

/// K from the signals of pairs of channels.
template <class T>
__global__ void unpack_kernel(const Z* signal, int64_t length, int64_t pairs, View<T, 2> K) {
  const int64_t i = cuda::thread_number(), time = K.sizes[1], h = i / time, l = i % time;
  if (h >= K.sizes[0]) return;
  const Z z = signal[(h < pairs ? h : h - pairs) * length + l];
  K(h, l) = static_cast<T>(h < pairs ? z.re : z.im);
}

/// And back, zero from `time` on.
template <class T>
__global__ void pack_kernel(View<const T, 2> dK, int64_t length, int64_t pairs, Z* signal) {
  const int64_t i = cuda::thread_number(), pair = i / length, l = i % length;
  if (pair >= pairs) return;
  const auto at = [&](int64_t h) {
    return h < dK.sizes[0] && l < dK.sizes[1] ? static_cast<double>(dK(h, l)) : 0.;
  };
  signal[i] = {at(pair), at(pair + pairs)};
}

/// conj(dL/dKhat_j) of channel h, from the transform of dK.
__device__ Z spectrum_gradient(const Problem& p, const Z* spectrum, int64_t h, int64_t j) {
  const bool second = h >= p.pairs;
  const Z* of_pair = spectrum + (second ? h - p.pairs : h) * p.length;
  const Z z = of_pair[j], m = of_pair[p.mirror(j)];
  const double weight = (p.mirror(j) == j ? 0.5 : 1.) / static_cast<double>(p.length);
  if (second) return {weight * (z.im + m.im), weight * (z.re - m.re)};
  return {weight * (z.re + m.re), weight * (m.im - z.im)};
}

/// A block takes some tiles of nodes of one channel: a thread first a node, whose conj(dL/dS_ab) go to
/// shared memory, then elements of the state and a quarter of the nodes.
template <int R>
__global__ void __launch_bounds__(tile_nodes)
    backward_kernel(const Problem p, int64_t tiles, int64_t ranges, const Z* spectrum,
                    double* parts, double* ddt) {
  constexpr int sums = (1 + R) * (1 + R), entries = s4::entries_of(R);
  __shared__ Z g[sums][tile_nodes];
  __shared__ double taus[tile_nodes], sigmas[tile_nodes], cosines[tile_nodes];
  const int64_t h = blockIdx.x / ranges, range = blockIdx.x % ranges;
  const int thread = static_cast<int>(threadIdx.x), slice = thread / 32;
  const double dt = p.dt[h];
  double dt_sum = 0;
  const int64_t begin = range * tiles / ranges, end = (range + 1) * tiles / ranges;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t first = tile * tile_nodes, j = first + thread;
    const s4::Node node(j, p.length, dt);
    Z S[sums];
    sum_states<R>(p, h, node, S);
    taus[thread] = node.tau, sigmas[thread] = node.sigma, cosines[thread] = node.cosine;
    if (j < p.nodes)
      dt_sum += s4::sum_gradients<R>(node, dt, S, spectrum_gradient(p, spectrum, h, j),
                                     [&](int ab, Z z) { g[ab][thread] = z; });
    __syncthreads();
    const int last = static_cast<int>(p.nodes - first < tile_nodes ? p.nodes - first : tile_nodes);
    for (int64_t n = thread % 32; n < p.states; n += 32) {
      const double* entry = p.entries + (h * p.states + n) * entries;
      s4::EntryGradients<R> d;
      for (int i = slice * 32; i < (slice + 1) * 32 && i < last; ++i)
        d.add(taus[i], sigmas[i], cosines[i], entry, [&](int ab) { return g[ab][i]; });
      d.store(tile == begin,
              parts + (((h * ranges + range) * slices + slice) * p.states + n) * entries);
      dt_sum += d.dt;
    }
    __syncthreads();  // before the next tile is written
  }
  dt_sum = cuda::fold_lanes<tile_nodes, cuda::Sum>(dt_sum);
  if (thread == 0) ddt[blockIdx.x] = dt_sum;
}

/// Adds the parts of an element and goes back to the parameters; the thread of element 0 adds those
/// of dt.
__global__ void chain_kernel(const Problem p, int64_t ranges, const double* parts,
                             const double* dt_parts, double* ddt, View<Z, 2> dlambda, View<Z, 3> dP,
                             View<Z, 2> dB, View<Z, 2> dCt) {
  const int64_t i = cuda::thread_number(), h = i / p.states, n = i % p.states;
  if (h >= p.channels) return;
  const int64_t entries = s4::entries_of(p.rank), count = ranges * slices;
  double total[s4::entries_of(max_s4_rank)] = {};
  for (int64_t part = 0; part < count; ++part)
    for (int64_t k = s4::square; k < entries; ++k)
      total[k] += parts[((h * count + part) * p.states + n) * entries + k];
  const auto d = p.element(h, n).gradients(total);
  dlambda(h, n) = d.lambda;
  dB(h, n) = d.B;
  dCt(h, n) = d.Ct;
  for (int64_t r = 0; r < p.rank; ++r) dP(r, h, n) = d.P[r];
  if (n > 0) return;
  double sum = 0;
  for (int64_t range = 0; range < ranges; ++range) sum += dt_parts[h * ranges + range];
  ddt[h] = sum;
}

/// The entries of all elements, in memory that lives as long as this does.
struct Prepared {
  Tensor memory;
  Problem problem;

  explicit Prepared(const S4Kernel& in)
      : memory(Tensor::empty(Shape{in.lambda.numel(), s4::entries_of(in.P ? in.P.size(0) : 0)},
                             DType::f64, in.lambda.device())),
        problem(in, memory) {
    cuda::launch(entries_kernel, cuda::cover(in.lambda.numel(), 128), problem,
                 memory.data<double>());
  }
  /// A signal or spectrum, a pair of channels a row.
  Tensor pairs() const {
    return Tensor::empty(Shape{problem.pairs, problem.length, int64_t{1}}, DType::c128,
                         memory.device());
  }
};

Z* elements(const Tensor& t) { return static_cast<Z*>(t.raw()); }

void forward(const S4Kernel& arguments, Tensor& K) {
  s4::check_dtype(K.dtype());
  const S4Kernel in = s4::in_double(arguments);
  const Prepared prepared(in);
  const Problem& p = prepared.problem;
  const Tensor spectrum = prepared.pairs();
  Tensor signal = prepared.pairs();
  const int64_t tiles = cuda::divide_up(p.nodes, tile_nodes);
  s4::for_rank(in.P, [&](auto rank) {
    constexpr int R = decltype(rank)::value;
    cuda::launch(transfer_kernel<R>, cuda::blocks(p.pairs * tiles, tile_nodes), p, tiles,
                 elements(spectrum));
  });
  fft(spectrum, FftDirection::inverse, signal);
  for_float("s4_kernel", K.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(unpack_kernel<T>, cuda::cover(K.numel()), elements(signal), p.length, p.pairs,
                 K.view<T, 2>());
  });
}

void backward(const S4Kernel& arguments, const Tensor& dK, S4KernelGradients& out) {
  const S4Kernel in = s4::in_double(arguments);
  const Prepared prepared(in);
  const Problem& p = prepared.problem;
  const Tensor signal = prepared.pairs();
  Tensor spectrum = prepared.pairs();
  for_float("s4_kernel", dK.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(pack_kernel<T>, cuda::cover(signal.numel()), dK.view<const T, 2>(), p.length,
                 p.pairs, elements(signal));
  });
  fft(signal, FftDirection::forward, spectrum);

  const int64_t tiles = cuda::divide_up(p.nodes, tile_nodes);
  const int64_t ranges = std::clamp<int64_t>(
      cuda::divide_up(enough_blocks, std::max<int64_t>(p.channels, 1)), 1, tiles);
  const auto memory = [&](const Shape& shape) {
    return Tensor::empty(shape, DType::f64, in.lambda.device());
  };
  const Tensor ddt = memory(Shape{p.channels, ranges});
  const Tensor parts =
      memory(Shape{p.channels * ranges, int64_t{slices}, p.states, s4::entries_of(p.rank)});
  s4::for_rank(in.P, [&](auto rank) {
    constexpr int R = decltype(rank)::value;
    cuda::launch(backward_kernel<R>, cuda::blocks(p.channels * ranges, tile_nodes), p, tiles,
                 ranges, elements(spectrum), parts.data<double>(), ddt.data<double>());
  });
  s4::with_double_gradients(out, [&](S4KernelGradients& d) {
    cuda::launch(chain_kernel, cuda::cover(p.channels * p.states, 128), p, ranges,
                 parts.data<double>(), ddt.data<double>(), d.dt.data<double>(),
                 complex_view<double, 2>(d.lambda), complex_view<double, 3>(d.P),
                 complex_view<double, 2>(d.B), complex_view<double, 2>(d.Ct));
  });
}

const Implementation on_cuda[] = {{s4_kernel_forward, DeviceKind::cuda, &forward},
                                  {s4_kernel_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
