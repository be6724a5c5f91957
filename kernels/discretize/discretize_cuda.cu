// Diagonal models sampled on a GPU: an element a thread; a warp adds up a channel's gradient of dt.
#include "core/cuda_reduce.h"
#include "kernels/complex_cuda.h"
#include "kernels/discretize/pole.h"

namespace lw::kernels {
namespace {

template <class T>
struct Problem {
  using C = Complex<T>;
  const T* dt;
  View<C, 2> A, B;
  Discretization method;

  explicit Problem(const Discretize& in)
      : dt(in.dt.data<T>()),
        A(complex_view<T, 2>(in.A)),
        B(complex_view<T, 2>(in.B)),
        method(in.method) {}
  __device__ DiscreteElement<Complex<double>> element(int64_t h, int64_t n) const {
    return {method, static_cast<double>(dt[h]), widen(A(h, n)),
            B.data ? widen(B(h, n)) : Complex<double>{1, 0}};
  }
};

template <class T>
__global__ void forward_kernel(Problem<T> problem, View<Complex<T>, 2> Abar,
                               View<Complex<T>, 2> Bbar) {
  const int64_t i = cuda::thread_number(), states = Abar.sizes[1];
  if (i >= Abar.sizes[0] * states) return;
  const int64_t h = i / states, n = i % states;
  const auto e = problem.element(h, n);
  Abar(h, n) = narrow<T>(e.pole.p);
  Bbar(h, n) = narrow<T>(e.Bbar());
}

/// A warp takes a channel.
template <class T>
__global__ void backward_kernel(Problem<T> problem, View<Complex<T>, 2> dAbar,
                                View<Complex<T>, 2> dBbar, View<Complex<T>, 2> dA,
                                View<Complex<T>, 2> dB, T* ddt) {
  const int64_t h = blockIdx.x;
  double sum = 0;
  for (int64_t n = threadIdx.x; n < dA.sizes[1]; n += warpSize) {
    const auto d = problem.element(h, n).gradients(widen(dAbar(h, n)), widen(dBbar(h, n)));
    dA(h, n) = narrow<T>(d.A);
    if (dB.data) dB(h, n) = narrow<T>(d.B);
    sum += d.dt.re;
  }
  sum = cuda::fold_warp<cuda::Sum>(sum);
  if (threadIdx.x == 0) ddt[h] = static_cast<T>(sum);
}

void forward(const Discretize& in, Tensor& Abar, Tensor& Bbar) {
  for_float("discretize", in.dt.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(forward_kernel<T>, cuda::cover(in.A.numel()), Problem<T>(in),
                 complex_view<T, 2>(Abar), complex_view<T, 2>(Bbar));
  });
}

void backward(const Discretize& in, const Tensor& dAbar, const Tensor& dBbar,
              DiscretizeGradients& out) {
  for_float("discretize", in.dt.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    cuda::launch(backward_kernel<T>, cuda::blocks(in.A.size(0), 32), Problem<T>(in),
                 complex_view<T, 2>(dAbar), complex_view<T, 2>(dBbar), complex_view<T, 2>(out.A),
                 complex_view<T, 2>(out.B), out.dt.data<T>());
  });
}

const Implementation on_cuda[] = {{discretize_forward, DeviceKind::cuda, &forward},
                                  {discretize_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
