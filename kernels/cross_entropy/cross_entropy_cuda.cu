// Softmax cross-entropy on a GPU: a warp takes a row of few classes, a block one of many. See
// README.md.
#include <limits>

#include "kernels/add_up_cuda.h"
#include "kernels/cross_entropy/cross_entropy.h"

namespace lw::kernels {
namespace {

constexpr int64_t few_classes = 1024;
constexpr int batch = 4;  // logits that a thread asks for at once

template <class E>
using Computed = std::conditional_t<std::is_same_v<E, bfloat16>, float, E>;

/// E: of the logits.
template <class E>
struct Arguments {
  using T = Computed<E>;
  View<const E, 2> logits;
  const int64_t* targets;
  int64_t ignore_index;
  T smoothing;
  double divisor;

  explicit Arguments(const CrossEntropy& in)
      : logits(in.logits.view<const E, 2>()),
        targets(in.targets.data<int64_t>()),
        ignore_index(in.ignore_index),
        smoothing(static_cast<T>(in.label_smoothing)),
        divisor(in.divisor) {}
};

/// The threads that share a row: those of a warp, or of the block.
template <int size>
struct Team {
  int64_t row;
  int rank;  // of this thread in the team

  __device__ Team()
      : row(cuda::thread_number() / size), rank(static_cast<int>(threadIdx.x) % size) {}
};

/// Each thread sums exp(x - m) with m the largest x that it has met, so that one pass over the row
/// is enough; then all agree on the largest.
template <int size, class E, class T>
__global__ void forward_kernel(Arguments<E> in, double* losses, View<T, 2> saved) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  const Team<size> team;
  if (team.row >= in.logits.sizes[0]) return;
  const int64_t target = in.targets[team.row], n = in.logits.sizes[1];
  if (target == in.ignore_index) {
    if (team.rank == 0) losses[team.row] = 0;
    return;
  }
  const E* x = &in.logits(team.row, 0);
  T own_peak = lowest, sum = 0;
  for (int64_t i = team.rank; i < n; i += batch * size) {
    T some[batch];
#pragma unroll
    for (int k = 0; k < batch; ++k)
      some[k] = i + k * size < n ? static_cast<T>(x[i + k * size]) : lowest;
#pragma unroll
    for (const T xi : some) {
      if (xi > own_peak) {
        sum = std::fma(sum, std::exp(own_peak - xi), T{1});
        own_peak = xi;
      } else if (xi != lowest) {
        sum += std::exp(xi - own_peak);
      }
    }
  }
  const T peak = cuda::fold_lanes<size, cuda::Max>(own_peak);
  sum =
      cuda::fold_lanes<size, cuda::Sum>(own_peak == lowest ? sum : sum * std::exp(own_peak - peak));
  T expected = static_cast<T>(x[target]) - peak;
  if (in.smoothing != 0) {
    T below = 0;
#pragma unroll 4
    for (int64_t i = team.rank; i < n; i += size) below += static_cast<T>(x[i]) - peak;
    below = cuda::fold_lanes<size, cuda::Sum>(below);
    expected = (1 - in.smoothing) * expected + in.smoothing * below / static_cast<T>(n);
  }
  if (team.rank > 0) return;
  losses[team.row] = static_cast<double>(std::log(sum) - expected);
  saved(team.row, 0) = peak, saved(team.row, 1) = 1 / sum;
}

/// Each thread writes where it alone has read, so that dlogits may be the logits.
template <int size, class E, class T>
__global__ void backward_kernel(Arguments<E> in, View<const T, 2> saved, const T* dy,
                                View<E, 2> dlogits) {
  const Team<size> team;
  if (team.row >= in.logits.sizes[0]) return;
  const int64_t target = in.targets[team.row], n = in.logits.sizes[1];
  const E* x = &in.logits(team.row, 0);
  E* to = &dlogits(team.row, 0);
  if (target == in.ignore_index) {
    for (int64_t i = team.rank; i < n; i += size) to[i] = static_cast<E>(T(0));
    return;
  }
  const T scale = static_cast<T>(static_cast<double>(*dy) / in.divisor);
  const T hit = (1 - in.smoothing) * scale, floor = in.smoothing / static_cast<T>(n);
  const T peak = saved(team.row, 0), inverse_sum = saved(team.row, 1);
  for (int64_t i = team.rank; i < n; i += batch * size) {
    T some[batch];
#pragma unroll
    for (int k = 0; k < batch; ++k)
      some[k] = i + k * size < n ? static_cast<T>(x[i + k * size]) : T(0);
#pragma unroll
    for (int k = 0; k < batch; ++k) {
      const int64_t j = i + k * size;
      if (j >= n) break;
      const T rest = scale * std::fma(std::exp(some[k] - peak), inverse_sum, -floor);
      to[j] = static_cast<E>(j == target ? rest - hit : rest);
    }
  }
}

/// Calls f with the number of threads that share a row of so many classes.
template <class F>
void for_team(int64_t classes, F&& f) {
  if (classes <= few_classes) return f(std::integral_constant<int, 32>());
  f(std::integral_constant<int, cuda::block_threads>());
}

void forward_cuda(const CrossEntropy& in, Tensor& loss, Tensor& saved) {
  const int64_t rows = in.logits.size(0);
  const Tensor losses = Tensor::empty({rows}, DType::f64, loss.device());
  for_logits(in.logits.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    using T = Computed<E>;
    for_team(in.logits.size(1), [&](auto team) {
      cuda::launch(forward_kernel<team(), E, T>, cuda::cover(rows * team()), Arguments<E>(in),
                   losses.data<double>(), saved.view<T, 2>());
    });
    add_up<T>(losses, in.divisor, loss);
  });
}
void backward_cuda(const CrossEntropy& in, const Tensor& saved, const Tensor& dy, Tensor& dlogits) {
  for_logits(in.logits.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    using T = Computed<E>;
    for_team(in.logits.size(1), [&](auto team) {
      cuda::launch(backward_kernel<team(), E, T>, cuda::cover(in.logits.size(0) * team()),
                   Arguments<E>(in), saved.view<const T, 2>(), dy.data<T>(), dlogits.view<E, 2>());
    });
  });
}

const Implementation registered[] = {{cross_entropy_forward, DeviceKind::cuda, &forward_cuda},
                                     {cross_entropy_backward, DeviceKind::cuda, &backward_cuda}};

}  // namespace
}  // namespace lw::kernels
