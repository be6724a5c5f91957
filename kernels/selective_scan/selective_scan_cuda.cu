// The selective scan on a GPU: a thread has four states of a channel, or up to sixteen, in registers
// and goes through time. See README.md, "On a GPU".
#include "kernels/add_parts_cuda.h"
#include "kernels/selective_scan/backward_cuda.h"
#include "kernels/selective_scan/forward_cuda.h"

namespace lw::kernels {
namespace {

/// Threads, with sixteen states each, that fill a GPU: about eight warps for each of its processors.
constexpr int64_t many_threads = 1 << 15;

/// Calls f(range) for ranges of states that launches compute one after the other.
template <class F>
void for_ranges(int64_t states, F&& f) {
  for (int64_t first = 0; first == 0 || first < states; first += scan_most_states) {
    const int64_t left = states - first;
    f(StateRange{first, left < scan_most_states ? left : scan_most_states, first == 0,
                 left <= scan_most_states});
  }
}

/// Calls f(kLanes) with the number of threads that a channel with `count` states needs, a power of
/// two, when each has four states.
template <class F>
void for_lanes(int64_t count, F&& f) {
  if (count <= 4) return f(std::integral_constant<int, 1>());
  if (count <= 8) return f(std::integral_constant<int, 2>());
  if (count <= 16) return f(std::integral_constant<int, 4>());
  if (count <= 32) return f(std::integral_constant<int, 8>());
  return f(std::integral_constant<int, 16>());
}

/// A launch for all rows and channels.
template <class Block>
struct Plan {
  int64_t panels;
  cuda::Grid grid;

  template <class T>
  Plan(const ScanArguments<T>& in, int64_t shared_bytes)
      : panels(cuda::divide_up(in.channels, Block::channels)),
        grid(cuda::blocks(in.batch * panels, Block::threads)) {
    grid.shared_bytes = shared_bytes;
  }
};

template <class T, int kStates, int kLanes>
void launch_forward(const ScanArguments<T>& in, const StateRange& range, const View<T, 3>& y,
                    const View<T, 3>& final_state, const View<T, 4>& chunk_states) {
  const Plan<ScanBlock<kLanes>> plan(in, ForwardTile<T, kStates, kLanes>::bytes);
  cuda::launch(scan_forward_kernel<T, kStates, kLanes>, plan.grid, in, range, plan.panels, y,
               final_state, chunk_states);
}

template <class T>
void forward_of(const SelectiveScan& call, Tensor& y, Tensor& final_state, Tensor& chunk_states) {
  const ScanArguments<T> in(call);
  const auto out = y.view<T, 3>(), last = final_state.view<T, 3>();
  const auto kept = optional_view<T, 4>(chunk_states);
  for_ranges(in.states, [&](const StateRange& range) {
    for_lanes(range.count, [&](auto size) {
      constexpr int lanes = size();
      if constexpr (sizeof(T) == 4 && lanes >= 4) {
        // Sixteen states a thread take fewer instructions, four make more threads.
        if (in.batch * in.channels * (lanes / 4) >= many_threads)
          return launch_forward<T, 16, lanes / 4>(in, range, out, last, kept);
      }
      launch_forward<T, 4, lanes>(in, range, out, last, kept);
    });
  });
}

template <class T>
void backward_of(const SelectiveScan& call, const Tensor& chunk_states, const Tensor& dy,
                 const Tensor& dfinal_state, SelectiveScan& grad) {
  const ScanArguments<T> in(call);
  const auto parts = [&](const Shape& shape) {
    return Tensor::empty(shape, dtype_of<T>, dy.device());
  };
  const Tensor A = parts({in.batch, in.channels, in.states});
  const Tensor D = parts({in.batch, in.channels}), delta_bias = parts(D.shape());
  ScanGradients<T> to{.y = dy.view<const T, 3>(),
                      .final_state = optional_view<const T, 3>(dfinal_state),
                      .u = grad.u.view<T, 3>(),
                      .delta = grad.delta.view<T, 3>(),
                      .z = optional_view<T, 3>(grad.z),
                      .initial_state = optional_view<T, 3>(grad.initial_state),
                      .A = A.view<T, 3>(),
                      .D = D.view<T, 2>(),
                      .delta_bias = delta_bias.view<T, 2>()};
  for_ranges(in.states, [&](const StateRange& range) {
    for_lanes(range.count, [&](auto lanes) {
      using Tile = BackwardTile<T, lanes()>;
      const Plan<typename Tile::Block> plan(in, Tile::bytes);
      const Tensor B = parts({in.batch, plan.panels, in.time, range.count}), C = parts(B.shape());
      to.B = B.view<T, 4>(), to.C = C.view<T, 4>();
      cuda::launch(scan_backward_kernel<T, lanes()>, plan.grid, in, range, plan.panels,
                   chunk_states.view<const T, 4>(), to);
      Tensor dB = grad.B.slice(2, range.first, range.first + range.count);
      Tensor dC = grad.C.slice(2, range.first, range.first + range.count);
      add_parts<T>(B, in.batch, dB);
      add_parts<T>(C, in.batch, dC);
    });
  });
  add_parts<T>(A, 1, grad.A);
  add_parts<T>(D, 1, grad.D);
  add_parts<T>(delta_bias, 1, grad.delta_bias);
}

void forward_cuda(const SelectiveScan& in, Tensor& y, Tensor& final_state, Tensor& chunk_states) {
  for_float("selective_scan", in.u.dtype(), [&](auto tag) {
    forward_of<typename decltype(tag)::type>(in, y, final_state, chunk_states);
  });
}

void backward_cuda(const SelectiveScan& in, const Tensor& chunk_states, const Tensor& dy,
                   const Tensor& dfinal_state, SelectiveScan& grad) {
  for_float("selective_scan", in.u.dtype(), [&](auto tag) {
    backward_of<typename decltype(tag)::type>(in, chunk_states, dy, dfinal_state, grad);
  });
}

const Implementation on_cuda[] = {{selective_scan_forward, DeviceKind::cuda, &forward_cuda},
                                  {selective_scan_backward, DeviceKind::cuda, &backward_cuda}};

}  // namespace
}  // namespace lw::kernels
