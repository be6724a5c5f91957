// Batch norm on a GPU: sums over rows in parts of some rows each, added in order. See README.md.
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/sum_rows_cuda.h"

namespace lw::kernels {
namespace {

/// v = x - mean, and v^2
template <class T>
struct Deviation {
  using Element = T;
  static constexpr int count = 2;
  View<const T, 2> x;
  const T* mean;
  __device__ void add(int64_t row, int64_t c, T* sums) const {
    const T v = x(row, c) - mean[c];
    sums[0] += v;
    sums[1] = std::fma(v, v, sums[1]);
  }
};

template <class T>
struct Arguments {
  View<const T, 2> x;
  const T *mean, *variance, *weight, *bias;
  T epsilon;

  explicit Arguments(const BatchNorm& in)
      : x(in.x.view<const T, 2>()),
        mean(in.mean.data<T>()),
        variance(in.variance.data<T>()),
        weight(in.weight.data<T>()),
        bias(in.bias.data<T>()),
        epsilon(static_cast<T>(in.epsilon)) {}
  __device__ T rstd(int64_t c) const { return 1 / std::sqrt(variance[c] + epsilon); }
};

/// dy xhat, and dy
template <class T>
struct Gradient {
  using Element = T;
  static constexpr int count = 2;
  Arguments<T> in;
  View<const T, 2> dy;
  __device__ void add(int64_t row, int64_t c, T* sums) const {
    const T g = dy(row, c);
    sums[0] = std::fma(g, (in.x(row, c) - in.mean[c]) * in.rstd(c), sums[0]);
    sums[1] += g;
  }
};

/// The sums [Term::count, channel] of `term` over all rows.
template <class Term, class T = typename Term::Element>
Tensor sums_of(const RowPlan& plan, const Term& term, Device device) {
  Tensor sums = Tensor::empty({Term::count, plan.channels}, dtype_of<T>, device);
  sum_rows(plan, term, sums);
  return sums;
}

template <class T>
__global__ void mean_kernel(const T* sums, T* mean, int64_t channels, T rows) {
  const int64_t c = cuda::thread_number();
  if (c < channels) mean[c] = sums[c] / rows;
}

/// What is left after the mean is subtracted has a mean, too, where rounding was coarse.
template <class T>
__global__ void variance_kernel(const T* sums, T* mean, T* variance, int64_t channels, T rows) {
  const int64_t c = cuda::thread_number();
  if (c >= channels) return;
  const T shift = sums[c] / rows, square = sums[channels + c] / rows - shift * shift;
  mean[c] += shift;
  variance[c] = square > 0 ? square : T{0};
}

template <class T>
__global__ void forward_kernel(RowPlan plan, Arguments<T> in, View<T, 2> y) {
  const RowWalk walk(plan);
  const int64_t c = walk.channel;
  if (c >= plan.channels) return;
  const T scale = in.rstd(c) * in.weight[c];
#pragma unroll 4
  for (int64_t row = walk.begin; row < walk.end; row += row_slices)
    y(row, c) = std::fma(in.x(row, c) - in.mean[c], scale, in.bias[c]);
}

/// `share`: 1 / rows where the statistics carry gradient, else 0.
template <class T>
__global__ void backward_kernel(RowPlan plan, Arguments<T> in, View<const T, 2> dy,
                                const T* dweight, const T* dbias, T share, View<T, 2> dx) {
  const RowWalk walk(plan);
  const int64_t c = walk.channel;
  if (c >= plan.channels) return;
  const T mean = in.mean[c], rstd = in.rstd(c), scale = in.weight[c] * rstd;
  const T along = dweight[c], shift = dbias[c];
#pragma unroll 4
  for (int64_t row = walk.begin; row < walk.end; row += row_slices) {
    const T rest = std::fma((in.x(row, c) - mean) * rstd, along, shift);
    dx(row, c) = (dy(row, c) - share * rest) * scale;
  }
}

template <class T>
__global__ void average_kernel(const T* value, T keep, T take, T* average, int64_t size) {
  const int64_t c = cuda::thread_number();
  if (c < size) average[c] = keep * average[c] + take * value[c];
}

template <class T>
void statistics_of(const Tensor& x, Tensor& mean, Tensor& variance) {
  const RowPlan plan(x);
  const auto in = x.view<const T, 2>();
  const auto rows = static_cast<T>(plan.rows);
  const Tensor values = sums_of(plan, RowValue<T>{in}, x.device());
  cuda::launch(mean_kernel<T>, cuda::cover(plan.channels), values.data<T>(), mean.data<T>(),
               plan.channels, rows);
  const Tensor rest = sums_of(plan, Deviation<T>{in, mean.data<T>()}, x.device());
  cuda::launch(variance_kernel<T>, cuda::cover(plan.channels), rest.data<T>(), mean.data<T>(),
               variance.data<T>(), plan.channels, rows);
}

template <class T>
void backward_of(const BatchNorm& call, const Tensor& dy, bool through_statistics,
                 BatchNormGradient& gradient) {
  const RowPlan plan(call.x);
  const Arguments<T> in(call);
  const auto g = dy.view<const T, 2>();
  const Tensor sums = sums_of(plan, Gradient<T>{in, g}, dy.device());
  gradient.dweight.copy_from(sums.select(0, 0));
  gradient.dbias.copy_from(sums.select(0, 1));
  const T share = through_statistics ? 1 / static_cast<T>(plan.rows) : T{0};
  cuda::launch(backward_kernel<T>, plan.grid(), plan, in, g, sums.data<T>(),
               sums.data<T>() + plan.channels, share, gradient.dx.view<T, 2>());
}

void statistics_cuda(const Tensor& x, Tensor& mean, Tensor& variance) {
  for_float("batch_norm", x.dtype(),
            [&](auto tag) { statistics_of<typename decltype(tag)::type>(x, mean, variance); });
}
void forward_cuda(const BatchNorm& in, Tensor& y) {
  for_float("batch_norm", y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const RowPlan plan(in.x);
    cuda::launch(forward_kernel<T>, plan.grid(), plan, Arguments<T>(in), y.view<T, 2>());
  });
}
void backward_cuda(const BatchNorm& in, const Tensor& dy, bool through_statistics,
                   BatchNormGradient& gradient) {
  for_float("batch_norm", dy.dtype(), [&](auto tag) {
    backward_of<typename decltype(tag)::type>(in, dy, through_statistics, gradient);
  });
}
void running_average_cuda(const Tensor& value, double scale, double momentum, Tensor& average) {
  for_float("running_average", average.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(average_kernel<T>, cuda::cover(average.numel()), value.data<T>(),
                 static_cast<T>(1 - momentum), static_cast<T>(momentum * scale), average.data<T>(),
                 average.numel());
  });
}

const Implementation on_cuda[] = {{batch_statistics, DeviceKind::cuda, &statistics_cuda},
                                  {running_average, DeviceKind::cuda, &running_average_cuda},
                                  {batch_norm_forward, DeviceKind::cuda, &forward_cuda},
                                  {batch_norm_backward, DeviceKind::cuda, &backward_cuda}};

}  // namespace
}  // namespace lw::kernels
