// The recurrence on a GPU: a thread has one channel of one batch row and goes through time. See README.md, "On a GPU".
#include "core/cuda_launch.h"
#include "kernels/complex_cuda.h"
#include "kernels/linear_recurrence/terms.h"
#include "kernels/segments.h"

namespace lw::kernels {
namespace {

constexpr int lanes = 32;        // channels of a block: many blocks, since a thread's work is long
constexpr int64_t unrolled = 8;  // steps whose inputs are asked for before the first is used

using kernels::add_conj_product;
using kernels::add_product;

/// A real number with the arithmetic of complex_cuda.h.
template <class T>
struct Real {
  T re;
};
template <class T>
__device__ Real<T> add_product(Real<T> a, Real<T> b, Real<T> c) {
  return {std::fma(b.re, c.re, a.re)};
}
template <class T>
__device__ Real<T> add_conj_product(Real<T> a, Real<T> b, Real<T> c) {
  return {std::fma(b.re, c.re, a.re)};
}
template <class T>
__device__ Real<T> operator+(Real<T> a, Real<T> b) {
  return {a.re + b.re};
}

/// What a thread works on.
template <class T, bool kComplex>
struct Task {
  using Z = std::conditional_t<kComplex, Complex<T>, Real<T>>;
  const RecurrenceTerms<T>& p;
  int64_t b, c;

  __device__ explicit Task(const RecurrenceTerms<T>& terms)
      : p(terms),
        b(blockIdx.x / cuda::divide_up(p.channels, lanes)),
        c(blockIdx.x % cuda::divide_up(p.channels, lanes) * lanes + threadIdx.x) {}

  __device__ bool exists() const { return c < p.channels; }
  __device__ Z load(const T* channels) const {
    if constexpr (kComplex)
      return {channels[c], channels[p.channels + c]};
    else
      return {channels[c]};
  }
  __device__ void store(Z z, T* channels) const {
    channels[c] = z.re;
    if constexpr (kComplex) channels[p.channels + c] = z.im;
  }
  __device__ Z before_first() const { return p.state.data ? load(&p.state(b, 0)) : Z{}; }
};

template <class T, bool kComplex>
__global__ void forward_kernel(const RecurrenceTerms<T> p, View<T, 3> out) {
  using Z = typename Task<T, kComplex>::Z;
  const Task<T, kComplex> task(p);
  if (!task.exists()) return;
  Z h = task.before_first();
  for (int64_t begin = 0; begin < p.time; begin += unrolled) {
    Z x[unrolled] = {}, a[unrolled] = {};
#pragma unroll
    for (int64_t i = 0; i < unrolled; ++i) {
      const int64_t t = begin + i;
      if (t >= p.time) continue;
      x[i] = task.load(&p.x(task.b, t, 0));
      a[i] = task.load(&p.a(task.b, t, 0));
    }
#pragma unroll
    for (int64_t i = 0; i < unrolled; ++i) {
      const int64_t t = begin + i;
      if (t >= p.time) continue;
      if (starts_at(p.resets, task.b, t)) h = Z{};
      h = add_product(x[i], a[i], h);
      task.store(h, &out(task.b, t, 0));
    }
  }
}

/// `sums` [batch, x.sizes[2]] receives the gradient of an a of all steps, of each row; without data a varies.
template <class T, bool kComplex>
__global__ void backward_kernel(const RecurrenceTerms<T> p, View<const T, 3> h, View<const T, 3> dh,
                                View<T, 3> dx, View<T, 3> da, View<T, 2> dstate,
                                View<double, 2> sums) {
  using Z = typename Task<T, kComplex>::Z;
  const Task<T, kComplex> task(p);
  if (!task.exists()) return;
  const int64_t b = task.b;
  Z carry{}, sum{};
  double re = 0, im = 0;
  for (int64_t t = p.time - 1; t >= 0; --t) {
    const bool starts = starts_at(p.resets, b, t);
    const Z g = task.load(&dh(b, t, 0)) + carry;
    task.store(g, &dx(b, t, 0));
    const Z before = starts ? Z{} : t > 0 ? task.load(&h(b, t - 1, 0)) : task.before_first();
    if (sums.data)
      sum = add_conj_product(sum, before, g);
    else
      task.store(add_conj_product(Z{}, before, g), &da(b, t, 0));
    carry = starts ? Z{} : add_conj_product(Z{}, task.load(&p.a(b, t, 0)), g);
    if (sums.data && t % 64 == 0) {
      re += static_cast<double>(sum.re);
      if constexpr (kComplex) im += static_cast<double>(sum.im);
      sum = Z{};
    }
  }
  if (sums.data) {
    sums(b, task.c) = re;
    if constexpr (kComplex) sums(b, p.channels + task.c) = im;
  }
  if (dstate.data) task.store(carry, &dstate(b, 0));
}

/// Adds over the batch; an element of a a thread.
template <class T>
__global__ void sum_kernel(View<const double, 2> sums, View<T, 3> da) {
  const int64_t c = cuda::thread_number();
  if (c >= sums.sizes[1]) return;
  double total = 0;
  for (int64_t b = 0; b < sums.sizes[0]; ++b) total += sums(b, c);
  da(0, 0, c) = static_cast<T>(total);
}

cuda::Grid grid_of(int64_t batch, int64_t channels) {
  return cuda::blocks(batch * cuda::divide_up(channels, lanes), lanes);
}

template <class T, bool kComplex>
void forward_of(const LinearRecurrence& in, Tensor& h) {
  const RecurrenceTerms<T> p(in);
  cuda::launch(forward_kernel<T, kComplex>, grid_of(p.batch, p.channels), p, h.view<T, 3>());
}

template <class T, bool kComplex>
void backward_of(const LinearRecurrence& in, const Tensor& h, const Tensor& dh,
                 LinearRecurrenceGradients& out) {
  const RecurrenceTerms<T> p(in);
  const int64_t width = in.x.size(2);
  const Tensor sums =
      in.varies() ? Tensor() : Tensor::empty(Shape{p.batch, width}, DType::f64, in.x.device());
  cuda::launch(backward_kernel<T, kComplex>, grid_of(p.batch, p.channels), p, h.view<const T, 3>(),
               dh.view<const T, 3>(), out.x.view<T, 3>(), by_step<T>(out.a),
               optional_view<T, 2>(out.state), optional_view<double, 2>(sums));
  if (!in.varies())
    cuda::launch(sum_kernel<T>, cuda::cover(width), sums.view<const double, 2>(),
                 by_step<T>(out.a));
}

void forward(const LinearRecurrence& in, Tensor& h) {
  for_float("linear_recurrence", in.x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    in.complex ? forward_of<T, true>(in, h) : forward_of<T, false>(in, h);
  });
}

void backward(const LinearRecurrence& in, const Tensor& h, const Tensor& dh,
              LinearRecurrenceGradients& out) {
  for_float("linear_recurrence", in.x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    in.complex ? backward_of<T, true>(in, h, dh, out) : backward_of<T, false>(in, h, dh, out);
  });
}

const Implementation on_cuda[] = {{linear_recurrence_forward, DeviceKind::cuda, &forward},
                                  {linear_recurrence_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
