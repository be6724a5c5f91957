// The tensors of a recurrence as both devices see them.
#pragma once

#include "kernels/linear_recurrence/linear_recurrence.h"
#include "kernels/optional_view.h"

namespace lw::kernels {

/// a [channel] or [batch, time, channel] as the latter: what does not vary has no pitch.
template <class T>
View<T, 3> by_step(const Tensor& a) {
  if (a.rank() == 3) return a.view<T, 3>();
  const auto row = a.view<T, 1>();
  return {row.data, {1, 1, row.sizes[0]}, {0, 0, 1}};
}

template <class T>
struct RecurrenceTerms {
  View<const T, 3> x, a;
  View<const T, 2> state;         // without data: zero
  View<const uint8_t, 2> resets;  // without data: none
  int64_t batch, time;
  int64_t channels;  // numbers, real or complex, that step by themselves

  explicit RecurrenceTerms(const LinearRecurrence& in)
      : x(in.x.view<const T, 3>()),
        a(by_step<const T>(in.a)),
        state(optional_view<const T, 2>(in.state)),
        resets(optional_view<const uint8_t, 2>(in.resets)),
        batch(x.sizes[0]),
        time(x.sizes[1]),
        channels(in.complex ? x.sizes[2] / 2 : x.sizes[2]) {}
};

}  // namespace lw::kernels
