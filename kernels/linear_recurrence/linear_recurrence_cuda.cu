// The recurrence on a GPU: a thread has one channel of one batch row and goes through time, or through a segment of it
// where there are few channels. See README.md, "On a GPU".
#include "core/cuda_launch.h"
#include "kernels/add_parts_cuda.h"
#include "kernels/complex_cuda.h"
#include "kernels/linear_recurrence/terms.h"
#include "kernels/segments.h"

namespace lw::kernels {
namespace {

constexpr int lanes = 32;  // channels of a block: many blocks, since a thread's work is long
// Steps whose inputs are asked for before the first is used; fewer back, where each has more inputs.
constexpr int unrolled = 8, unrolled_back = 4;
constexpr int64_t chunk = 64;  // steps of a segment, and of what the gradient of a is added up from
constexpr int64_t enough = 1 << 16;  // threads that keep a GPU busy without cutting time

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
  return add_product(a, b, c);
}
template <class T>
__device__ Real<T> operator+(Real<T> a, Real<T> b) {
  return {a.re + b.re};
}
template <class T>
__device__ bool is_zero(Real<T> a) {
  return a.re == 0;
}
template <class T>
__device__ bool is_zero(Complex<T> a) {
  return a.re == 0 && a.im == 0;
}

/// How time is cut: the sizes decide.
struct Cut {
  int64_t segments = 1, steps;

  Cut(int64_t batch, int64_t time, int64_t channels) : steps(time) {
    if (batch * channels >= enough || time <= 2 * chunk) return;
    steps = chunk;
    segments = cuda::divide_up(time, chunk);
  }
};

/// What each segment makes of the state that comes into it, `through` times that and `alone`; then, in the place of
/// `alone`, what does come in. [batch, segment, channel]; null where time is not cut.
template <class Z>
struct Passage {
  Z *through = nullptr, *alone = nullptr;
};

/// What a thread works on.
template <class T, bool kComplex>
struct Task {
  using Z = std::conditional_t<kComplex, Complex<T>, Real<T>>;
  const RecurrenceTerms<T>& p;
  int64_t c, segment, b, segments, begin, end;

  __device__ Task(const RecurrenceTerms<T>& terms, const Cut& cut)
      : p(terms), segments(cut.segments) {
    const int64_t across = cuda::divide_up(p.channels, lanes);
    c = blockIdx.x % across * lanes + threadIdx.x;
    segment = blockIdx.x / across % segments;
    b = blockIdx.x / across / segments;
    begin = segment * cut.steps;
    end = begin + cut.steps < p.time ? begin + cut.steps : p.time;
  }

  __device__ bool exists() const { return c < p.channels; }
  __device__ int64_t place(int64_t s) const { return (b * segments + s) * p.channels + c; }
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

/// Calls load(i, t) for the next steps t, `kGroup` at most, and then use(i, t) for the same, from `begin` to `end` or
/// back. i is the place among them.
template <bool kBack, int kGroup = unrolled, class Load, class Use>
__device__ void in_groups(int64_t begin, int64_t end, const Load& load, const Use& use) {
  for (int64_t done = 0; done < end - begin; done += kGroup) {
    const int64_t first = kBack ? end - 1 - done : begin + done;
#pragma unroll
    for (int i = 0; i < kGroup; ++i)
      if (done + i < end - begin) load(i, kBack ? first - i : first + i);
#pragma unroll
    for (int i = 0; i < kGroup; ++i)
      if (done + i < end - begin) use(i, kBack ? first - i : first + i);
  }
}

/// The passage of every segment but the last on the way. Back, `x` is the gradient of h.
template <class T, bool kComplex, bool kBack>
__global__ void passage_kernel(const RecurrenceTerms<T> p, const Cut cut, View<const T, 3> x,
                               Passage<typename Task<T, kComplex>::Z> passage) {
  using Z = typename Task<T, kComplex>::Z;
  const Task<T, kComplex> task(p, cut);
  if (!task.exists() || task.segment == (kBack ? 0 : cut.segments - 1)) return;
  Z through{1}, alone{}, xs[unrolled], as[unrolled];
  in_groups<kBack>(
      task.begin, task.end,
      [&](int i, int64_t t) {
        xs[i] = task.load(&x(task.b, t, 0));
        as[i] = task.load(&p.a(task.b, t, 0));
      },
      [&](int i, int64_t t) {
        const bool starts = starts_at(p.resets, task.b, t);
        if constexpr (kBack) {
          alone = starts ? Z{} : add_conj_product(Z{}, as[i], xs[i] + alone);
          through = starts ? Z{} : add_conj_product(Z{}, as[i], through);
        } else {
          alone = starts ? xs[i] : add_product(xs[i], as[i], alone);
          through = starts ? Z{} : add_product(Z{}, as[i], through);
        }
      });
  passage.through[task.place(task.segment)] = through;
  passage.alone[task.place(task.segment)] = alone;
}

/// From segment to segment; a thread has a channel of a batch row.
template <class T, bool kComplex, bool kBack>
__global__ void carry_kernel(const RecurrenceTerms<T> p, const Cut whole, int64_t segments,
                             Passage<typename Task<T, kComplex>::Z> passage) {
  using Z = typename Task<T, kComplex>::Z;
  Task<T, kComplex> task(p, whole);
  if (!task.exists()) return;
  task.segments = segments;
  Z state = kBack ? Z{} : task.before_first(), through[unrolled], alone[unrolled];
  in_groups<kBack>(
      0, segments,
      [&](int i, int64_t s) {
        through[i] = passage.through[task.place(s)];
        alone[i] = passage.alone[task.place(s)];
      },
      [&](int i, int64_t s) {
        passage.alone[task.place(s)] = state;
        // A document that starts in the segment takes nothing in, not even NaN.
        state = is_zero(through[i]) ? alone[i] : add_product(alone[i], through[i], state);
      });
}

template <class T, bool kComplex>
__global__ void forward_kernel(const RecurrenceTerms<T> p, const Cut cut,
                               Passage<typename Task<T, kComplex>::Z> passage, View<T, 3> out) {
  using Z = typename Task<T, kComplex>::Z;
  const Task<T, kComplex> task(p, cut);
  if (!task.exists()) return;
  Z h = passage.alone ? passage.alone[task.place(task.segment)] : task.before_first();
  Z x[unrolled], a[unrolled];
  in_groups<false>(
      task.begin, task.end,
      [&](int i, int64_t t) {
        x[i] = task.load(&p.x(task.b, t, 0));
        a[i] = task.load(&p.a(task.b, t, 0));
      },
      [&](int i, int64_t t) {
        if (starts_at(p.resets, task.b, t)) h = Z{};
        h = add_product(x[i], a[i], h);
        task.store(h, &out(task.b, t, 0));
      });
}

/// `sums` [batch, chunk, x.sizes[2]] receives the gradient of an a of all steps, in parts; without data a varies.
template <class T, bool kComplex>
__global__ void backward_kernel(const RecurrenceTerms<T> p, const Cut cut,
                                Passage<typename Task<T, kComplex>::Z> passage, View<const T, 3> h,
                                View<const T, 3> dh, View<T, 3> dx, View<T, 3> da,
                                View<T, 2> dstate, View<T, 3> sums) {
  using Z = typename Task<T, kComplex>::Z;
  const Task<T, kComplex> task(p, cut);
  if (!task.exists()) return;
  const int64_t b = task.b;
  Z carry = passage.alone ? passage.alone[task.place(task.segment)] : Z{}, sum{};
  Z dhs[unrolled_back], before[unrolled_back], a[unrolled_back];
  in_groups<true, unrolled_back>(
      task.begin, task.end,
      [&](int i, int64_t t) {
        dhs[i] = task.load(&dh(b, t, 0));
        before[i] = t > 0 ? task.load(&h(b, t - 1, 0)) : task.before_first();
        a[i] = task.load(&p.a(b, t, 0));
      },
      [&](int i, int64_t t) {
        const bool starts = starts_at(p.resets, b, t);
        const Z g = dhs[i] + carry, last = starts ? Z{} : before[i];
        task.store(g, &dx(b, t, 0));
        carry = starts ? Z{} : add_conj_product(Z{}, a[i], g);
        if (!sums.data) return task.store(add_conj_product(Z{}, last, g), &da(b, t, 0));
        sum = add_conj_product(sum, last, g);
        if (t % chunk > 0) return;
        task.store(sum, &sums(b, t / chunk, 0));
        sum = Z{};
      });
  if (dstate.data && task.segment == 0) task.store(carry, &dstate(b, 0));
}

cuda::Grid grid_of(int64_t batch, int64_t segments, int64_t channels) {
  return cuda::blocks(batch * segments * cuda::divide_up(channels, lanes), lanes);
}

/// What comes into each segment, in `table`, or nothing where time is not cut.
template <class T, bool kComplex, bool kBack>
auto incoming(const RecurrenceTerms<T>& p, const Cut& cut, const Tensor& x, Tensor& table) {
  using Z = typename Task<T, kComplex>::Z;
  Passage<Z> passage;
  if (cut.segments == 1) return passage;
  table = Tensor::empty(Shape{2, p.batch, cut.segments, x.size(2)}, x.dtype(), x.device());
  passage.through = reinterpret_cast<Z*>(table.data<T>());
  passage.alone = passage.through + p.batch * cut.segments * p.channels;
  cuda::launch(passage_kernel<T, kComplex, kBack>, grid_of(p.batch, cut.segments, p.channels), p,
               cut, x.view<const T, 3>(), passage);
  Cut whole = cut;
  whole.segments = 1;
  cuda::launch(carry_kernel<T, kComplex, kBack>, grid_of(p.batch, 1, p.channels), p, whole,
               cut.segments, passage);
  return passage;
}

template <class T, bool kComplex>
void forward_of(const LinearRecurrence& in, Tensor& h) {
  const RecurrenceTerms<T> p(in);
  const Cut cut(p.batch, p.time, p.channels);
  Tensor table;
  const auto passage = incoming<T, kComplex, false>(p, cut, in.x, table);
  cuda::launch(forward_kernel<T, kComplex>, grid_of(p.batch, cut.segments, p.channels), p, cut,
               passage, h.view<T, 3>());
}

template <class T, bool kComplex>
void backward_of(const LinearRecurrence& in, const Tensor& h, const Tensor& dh,
                 LinearRecurrenceGradients& out) {
  const RecurrenceTerms<T> p(in);
  const Cut cut(p.batch, p.time, p.channels);
  Tensor table, sums;
  const auto passage = incoming<T, kComplex, true>(p, cut, dh, table);
  if (!in.varies())
    sums = Tensor::empty(Shape{p.batch, cuda::divide_up(p.time, chunk), in.x.size(2)}, in.x.dtype(),
                         in.x.device());
  cuda::launch(backward_kernel<T, kComplex>, grid_of(p.batch, cut.segments, p.channels), p, cut,
               passage, h.view<const T, 3>(), dh.view<const T, 3>(), out.x.view<T, 3>(),
               by_step<T>(out.a), optional_view<T, 2>(out.state), optional_view<T, 3>(sums));
  if (sums) add_parts<T>(sums, 1, out.a);
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
