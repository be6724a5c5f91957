// The selective scan on a CPU: lanes are channels, states are registers. See README.md, "On a CPU".
#include "kernels/selective_scan/selective_scan.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/selective_scan/selective_scan_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/selective_scan/backward-inl.h"
#include "kernels/selective_scan/forward-inl.h"
#include "kernels/selective_scan/step-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

/// Writes the sum of parts[..., i, ...] over `axis`, in order, to `sum`. The parts are used up.
template <class T>
void add_parts(const Tensor& parts, int axis, Tensor& sum) {
  if (!sum) return;
  const int64_t count = parts.size(axis);
  if (parts.numel() == 0) return sum.fill(0);
  const int64_t inner = parts.stride(axis), outer = parts.numel() / (count * inner);
  for (int64_t o = 0; o < outer; ++o) {
    T* total = parts.data<T>() + o * count * inner;
    parallel_for(inner, 4096, [&](int64_t begin, int64_t end) {
      for (int64_t i = 1; i < count; ++i)
        for (int64_t j = begin; j < end; ++j) total[j] += total[i * inner + j];
    });
  }
  sum.copy_from(parts.select(axis, 0));
}

template <class T>
void forward_of(const SelectiveScan& call, Tensor& y, Tensor& final_state, Tensor& chunk_states) {
  const Arguments<T> in(call);
  const auto out = y.view<T, 3>(), last = final_state.view<T, 3>();
  const auto kept = optional_view<T, 4>(chunk_states);
  if (in.time == 1 && !kept.data) return forward_step(in, out, last);
  parallel_chunks(in.batch * in.panels,
                  [&](int64_t task) { forward_panel(in, task, out, last, kept); });
}

template <class T>
void backward_of(const SelectiveScan& call, const Tensor& chunk_states, const Tensor& dy,
                 const Tensor& dfinal_state, SelectiveScan& grad) {
  const Arguments<T> in(call);
  const auto parts = [](const Shape& shape) { return Tensor::empty(shape, dtype_of<T>, host); };
  const Tensor B = parts({in.batch, in.panels, in.time, in.states}), C = parts(B.shape());
  const Tensor A = parts({in.batch, in.channels, in.states});
  const Tensor D = parts({in.batch, in.channels}), delta_bias = parts(D.shape());
  const Gradients<T> to{grad.u.view<T, 3>(),
                        grad.delta.view<T, 3>(),
                        optional_view<T, 3>(grad.z),
                        optional_view<T, 3>(grad.initial_state),
                        B.view<T, 4>(),
                        C.view<T, 4>(),
                        A.view<T, 3>(),
                        D.view<T, 2>(),
                        delta_bias.view<T, 2>()};
  const auto states = chunk_states.view<const T, 4>();
  const auto g = dy.view<const T, 3>(), dfinal = optional_view<const T, 3>(dfinal_state);
  parallel_chunks(in.batch * in.panels,
                  [&](int64_t task) { backward_panel(in, task, states, g, dfinal, to); });
  add_parts<T>(A, 0, grad.A);
  add_parts<T>(B, 1, grad.B);
  add_parts<T>(C, 1, grad.C);
  add_parts<T>(D, 0, grad.D);
  add_parts<T>(delta_bias, 0, grad.delta_bias);
}

void forward(const SelectiveScan& in, Tensor& y, Tensor& final_state, Tensor& chunk_states) {
  for_float("selective_scan", in.u.dtype(), [&](auto tag) {
    forward_of<typename decltype(tag)::type>(in, y, final_state, chunk_states);
  });
}

void backward(const SelectiveScan& in, const Tensor& chunk_states, const Tensor& dy,
              const Tensor& dfinal_state, SelectiveScan& grad) {
  for_float("selective_scan", in.u.dtype(), [&](auto tag) {
    backward_of<typename decltype(tag)::type>(in, chunk_states, dy, dfinal_state, grad);
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

const Implementation cpu[] = {{selective_scan_forward, DeviceKind::cpu, &forward_cpu},
                              {selective_scan_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
