// A reduction is cut into blocks of about 32768 elements: some rows of some columns of one result.
// Blocks run in parallel; where a result has several, their accumulators are merged in order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/reduce_cpu.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "core/lanes-inl.h"
#include "core/parallel.h"
#include "kernels/reduce/plan.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace math = lw::simd::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using L = math::Lanes<D>;

struct Sum {
  static constexpr double start = 0;
  template <class T>
  static T fold(T a, T x) {
    return a + x;
  }
};

struct Max {
  static constexpr double start = -std::numeric_limits<double>::infinity();
  static HWY_INLINE L fold(L a, L x) {  // NaN enters and stays
    const auto wins = hn::Or(hn::Gt(x.v, a.v), hn::IsNaN(x.v));
    return hn::IfThenElse(wins, x.v, a.v);
  }
  static double fold(double a, double x) { return x > a || x != x ? x : a; }
};

template <class E>
HWY_INLINE L load_double(const E* x) {
  if constexpr (std::is_same_v<E, double>) {
    return math::load(D(), x);
  } else {
    return hn::PromoteTo(D(), math::load(hn::Rebind<float, D>(), x).v);
  }
}

template <class E>
double to_double(E x) {
  if constexpr (std::is_same_v<E, bfloat16>) {
    return static_cast<double>(static_cast<float>(x));
  } else {
    return static_cast<double>(x);
  }
}

template <class E>
E from_double(double x) {
  if constexpr (std::is_same_v<E, bfloat16>) {
    return bfloat16(static_cast<float>(x));
  } else {
    return static_cast<E>(x);
  }
}

/// acc[i] = fold(acc[i], x[i])
template <class Op, class E>
void fold_columns(double* acc, const E* x, int64_t count) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    math::store(Op::fold(math::load(D(), acc + i), load_double(x + i)), D(), acc + i);
  for (; i < count; ++i) acc[i] = Op::fold(acc[i], to_double(x[i]));
}

/// The reduction of a row, in four vectors side by side.
template <class Op, class E>
double fold_row(const E* x, int64_t count) {
  constexpr size_t most = hn::MaxLanes(D());
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(D()));
  L a(Op::start), b(Op::start), c(Op::start), e(Op::start);
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    a = Op::fold(a, load_double(x + i));
    b = Op::fold(b, load_double(x + i + lanes));
    c = Op::fold(c, load_double(x + i + 2 * lanes));
    e = Op::fold(e, load_double(x + i + 3 * lanes));
  }
  for (; i + lanes <= count; i += lanes) a = Op::fold(a, load_double(x + i));
  HWY_ALIGN double parts[most];
  math::store(Op::fold(Op::fold(a, b), Op::fold(c, e)), D(), parts);
  double result = Op::start;
  for (int64_t k = 0; k < lanes; ++k) result = Op::fold(result, parts[k]);
  for (; i < count; ++i) result = Op::fold(result, to_double(x[i]));
  return result;
}

template <class Op, class E>
void reduce(const E* x, const Plan& plan, double scale, E* y) {
  constexpr int64_t block = 1 << 15, widest = 1 << 10;
  const bool columns = !plan.row.reduced;
  // A result is `width` columns of one iteration of the kept axes; its pieces are rows, or parts of
  // rows that are reduced themselves.
  const int64_t cut = std::min(plan.row.size, columns ? widest : block);
  const int64_t cuts = cut == 0 ? 0 : (plan.row.size + cut - 1) / cut;
  const int64_t width = columns ? cut : 1;
  const int64_t results = Plan::iterations(plan.kept) * (columns ? cuts : 1);
  const int64_t pieces = Plan::iterations(plan.reduced) * (columns ? 1 : cuts);
  const int64_t pieces_each = std::max<int64_t>(1, block / std::max<int64_t>(1, cut));
  const int64_t blocks = std::max<int64_t>(1, (pieces + pieces_each - 1) / pieces_each);

  const auto write = [&](int64_t result, const double* acc) {
    const Plan::Offsets at = Plan::offsets_of(plan.kept, columns ? result / cuts : result);
    const int64_t first = columns ? result % cuts * cut : 0;
    const int64_t count = columns ? std::min(cut, plan.row.size - first) : 1;
    for (int64_t i = 0; i < count; ++i) y[at.y + first + i] = from_double<E>(scale * acc[i]);
  };
  const auto accumulate = [&](int64_t result, int64_t begin, int64_t end, double* acc) {
    std::fill_n(acc, width, Op::start);
    const Plan::Offsets kept = Plan::offsets_of(plan.kept, columns ? result / cuts : result);
    for (int64_t piece = begin; piece < end; ++piece) {
      const Plan::Offsets at = Plan::offsets_of(plan.reduced, columns ? piece : piece / cuts);
      const int64_t first = (columns ? result : piece) % cuts * cut;
      const int64_t count = std::min(cut, plan.row.size - first);
      const E* from = x + kept.x + at.x + first;
      if (columns) {
        fold_columns<Op>(acc, from, count);
      } else {
        acc[0] = Op::fold(acc[0], fold_row<Op>(from, count));
      }
    }
  };

  if (blocks == 1) {
    const int64_t elements = std::max<int64_t>(1, pieces * cut);
    parallel_for(results, std::max<int64_t>(1, block / elements), [&](int64_t begin, int64_t end) {
      double acc[widest];
      for (int64_t r = begin; r < end; ++r) {
        accumulate(r, 0, pieces, acc);
        write(r, acc);
      }
    });
    return;
  }
  Tensor partial = Tensor::empty({results * blocks, width}, DType::f64, host);
  double* parts = partial.data<double>();
  parallel_chunks(results * blocks, [&](int64_t i) {
    const int64_t begin = i % blocks * pieces_each;
    accumulate(i / blocks, begin, std::min(pieces, begin + pieces_each), parts + i * width);
  });
  parallel_for(results, std::max<int64_t>(1, block / (blocks * width)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin; r < end; ++r) {
                   double* acc = parts + r * blocks * width;
                   for (int64_t b = 1; b < blocks; ++b)
                     for (int64_t i = 0; i < width; ++i)
                       acc[i] = Op::fold(acc[i], acc[b * width + i]);
                   write(r, acc);
                 }
               });
}

template <class Op>
void reduce_all(const Tensor& x, const Axes& axes, double scale, Tensor& y) {
  const Plan plan(x, axes, y);
  const DType dtype = real_of(x.dtype());
  const auto run = [&](auto tag) {
    using E = typename decltype(tag)::type;
    reduce<Op>(static_cast<const E*>(x.raw()), plan, scale, static_cast<E*>(y.raw()));
  };
  dtype == DType::bf16 ? run(TypeTag<bfloat16>()) : for_float("reduce", dtype, run);
}

void sum_all(const Tensor& x, const Axes& axes, double scale, Tensor& y) {
  reduce_all<Sum>(x, axes, scale, y);
}
void max_all(const Tensor& x, const Axes& axes, double, Tensor& y) {
  reduce_all<Max>(x, axes, 1, y);
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(sum_all);
HWY_EXPORT(max_all);

void sum_cpu(const Tensor& x, const Axes& axes, double scale, Tensor& y) {
  check_reduced("sum", x, axes, y);
  if (x.numel() == 0) return y.fill(0);
  HWY_DYNAMIC_DISPATCH(sum_all)(x, axes, scale, y);
}

void max_cpu(const Tensor& x, const Axes& axes, Tensor& y) {
  check_reduced("max", x, axes, y);
  if (y.numel() == 0) return;
  check(x.numel() > 0, "max: there is no maximum of nothing, received ", x);
  HWY_DYNAMIC_DISPATCH(max_all)(x, axes, 1, y);
}

template <class E>
void mark_first(const Plan& plan, const E* x, const E* y, const E* dy, E* dx) {
  const int64_t rows = Plan::iterations(plan.reduced);
  const int64_t step = plan.row.reduced ? 0 : 1;
  const auto equal = [](E a, E b) { return a == b || (a != a && b != b); };
  parallel_chunks(Plan::iterations(plan.kept), [&](int64_t result) {
    const Plan::Offsets kept = Plan::offsets_of(plan.kept, result);
    const int64_t columns = step ? plan.row.size : 1;
    const std::unique_ptr<bool[]> found(new bool[static_cast<size_t>(columns)]());
    for (int64_t r = 0; r < rows; ++r) {
      const Plan::Offsets at = Plan::offsets_of(plan.reduced, r);
      for (int64_t i = 0; i < plan.row.size; ++i) {
        const int64_t column = i * step;
        const bool first = !found[column] && equal(x[kept.x + at.x + i], y[kept.y + column]);
        dx[kept.dx + at.dx + i] = first ? dy[kept.y + column] : E(0);
        found[column] |= first;
      }
    }
  });
}

void max_backward_cpu(const Tensor& x, const Axes& axes, const Tensor& y, const Tensor& dy,
                      Tensor& dx) {
  check_reduced("max_backward", x, axes, y);
  if (x.numel() == 0) return;
  const Plan plan(x, axes, y, dx);
  const Tensor dy_whole = dy.contiguous();
  for_float("max", x.dtype(), [&](auto tag) {
    using E = typename decltype(tag)::type;
    mark_first<E>(plan, x.data<E>(), y.data<E>(), dy_whole.data<E>(), dx.data<E>());
  });
}

const Implementation cpu[] = {{sum, DeviceKind::cpu, &sum_cpu},
                              {max, DeviceKind::cpu, &max_cpu},
                              {max_backward, DeviceKind::cpu, &max_backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
