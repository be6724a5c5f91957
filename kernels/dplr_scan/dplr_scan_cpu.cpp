#include "kernels/dplr_scan/dplr_scan.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dplr_scan/dplr_scan_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/dplr_scan/dplr_midpoint-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

template <class T, int R>
void forward_of(const DplrScan& in, Tensor& y, Tensor& state) {
  const Problem<T> p(in);
  const auto out = y.view<T, 3>();
  const auto final_state = state.view<std::complex<T>, 3>();
  parallel_chunks(p.tasks(), [&](int64_t task) { Strip<T, R>(p, task).forward(out, final_state); });
}

template <class T, int R>
void backward_of(const DplrScan& in, const Tensor& dy, const Tensor& dstate,
                 DplrScanGradients& out) {
  using C = std::complex<T>;
  const Problem<T> p(in);
  const auto g = dy.view<const T, 3>();
  const auto dfinal = optional_view<const C, 3>(dstate);
  const auto du = out.u.view<T, 3>();
  const auto dinitial = optional_view<C, 3>(out.state);
  const int64_t tasks = p.tasks(), count = p.coefficients.entries.count();
  LaneTable<T> sums(tasks, p.states, count, p.lanes);
  std::vector<T> dW(static_cast<size_t>(tasks * R * R * p.lanes));
  parallel_chunks(tasks, [&](int64_t task) {
    Strip<T, R>(p, task).backward(g, dfinal, du, dinitial, sums.at(task, 0, 0),
                                  dW.data() + task * R * R * p.lanes);
  });

  parallel_for(p.channels, 16, [&](int64_t begin, int64_t end) {
    std::vector<lw::Complex<double>> total(static_cast<size_t>(p.states * count));
    for (int64_t h = begin; h < end; ++h) {
      std::fill(total.begin(), total.end(), lw::Complex<double>{0, 0});
      DplrMatrix W;
      for (int64_t task = h / p.lanes; task < tasks; task += p.blocks) {
        for (int64_t i = 0; i < p.states * count; ++i) {
          const auto part = sums.get(task, i / count, i % count, h % p.lanes);
          auto& sum = total[static_cast<size_t>(i)];
          sum.re += static_cast<double>(part.real());
          sum.im += static_cast<double>(part.imag());
        }
        for (int64_t r = 0; r < R; ++r)
          for (int64_t k = 0; k < R; ++k)
            W.v[r][k] += static_cast<double>(
                dW[static_cast<size_t>((task * R * R + r * R + k) * p.lanes + h % p.lanes)]);
      }
      dplr_chain<T>(in, h, total, W, out);
    }
  });
}

template <class T, int R>
void forward_irregular(const DplrScan& in, Tensor& y, Tensor& state) {
  const MidpointProblem<T> p(in);
  const auto out = y.view<T, 3>();
  const auto final_state = state.view<std::complex<T>, 3>();
  parallel_chunks(p.tasks(),
                  [&](int64_t task) { MidpointStrip<T, R>(p, task).forward(out, final_state); });
}

template <class T, int R>
void backward_irregular(const DplrScan& in, const Tensor& dy, const Tensor& dstate,
                        DplrScanGradients& out) {
  using C = std::complex<T>;
  const MidpointProblem<T> p(in);
  const auto g = dy.view<const T, 3>();
  const auto dfinal = optional_view<const C, 3>(dstate);
  const auto du = out.u.view<T, 3>();
  const auto dinitial = optional_view<C, 3>(out.state);
  LaneTable<T> sums(p.tasks(), p.states, p.entries.count(), p.lanes);
  std::vector<T> ddt(static_cast<size_t>(p.tasks() * p.lanes));
  parallel_chunks(p.tasks(), [&](int64_t task) {
    MidpointStrip<T, R>(p, task).backward(g, dfinal, du, dinitial, sums.at(task, 0, 0),
                                          ddt.data() + task * p.lanes);
  });

  const auto dlambda = out.lambda.view<C, 2>(), dB = out.B.view<C, 2>(), dC = out.C.view<C, 2>();
  const auto dP = optional_view<C, 3>(out.P);
  parallel_for(p.channels, 16, [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; ++h) {
      const int64_t block = h / p.lanes, lane = h % p.lanes;
      for (int64_t n = 0; n < p.states; ++n) {
        const auto total = [&](int64_t entry) {
          complex128 sum = 0;
          for (int64_t task = block; task < p.tasks(); task += p.blocks)
            sum += complex128(sums.get(task, n, entry, lane));
          return C(sum);
        };
        dlambda(h, n) = total(p.entries.lambda());
        dB(h, n) = total(p.entries.b());
        dC(h, n) = T{2} * total(p.entries.c());
        for (int64_t r = 0; r < R; ++r) dP(r, h, n) = total(p.entries.p(r));
      }
      double sum = 0;
      for (int64_t task = block; task < p.tasks(); task += p.blocks)
        sum += static_cast<double>(ddt[static_cast<size_t>(task * p.lanes + lane)]);
      out.dt.data<T>()[h] = static_cast<T>(sum);
    }
  });
}

void forward(const DplrScan& in, Tensor& y, Tensor& state) {
  for_type_and_rank(in, [&](auto tag, auto rank) {
    using T = typename decltype(tag)::type;
    (in.intervals ? forward_irregular<T, rank()> : forward_of<T, rank()>)(in, y, state);
  });
}

void backward(const DplrScan& in, const Tensor& dy, const Tensor& dstate, DplrScanGradients& out) {
  for_type_and_rank(in, [&](auto tag, auto rank) {
    using T = typename decltype(tag)::type;
    (in.intervals ? backward_irregular<T, rank()> : backward_of<T, rank()>)(in, dy, dstate, out);
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void forward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(forward)(args...); }
void backward_cpu(auto... args) { HWY_DYNAMIC_DISPATCH(backward)(args...); }

const Implementation cpu[] = {{dplr_scan_forward, DeviceKind::cpu, &forward_cpu},
                              {dplr_scan_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
