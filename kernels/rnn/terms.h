// The tensors of a recurrent network as both devices see them.
#pragma once

#include <type_traits>

#include "kernels/optional_view.h"
#include "kernels/rnn/rnn.h"
#include "kernels/segments.h"

namespace lw::kernels {

template <class T>
struct RnnTerms {
  View<const T, 3> x;
  View<const T, 2> W;
  const T* b;
  View<const T, 2> state;         // without data: zero
  View<const uint8_t, 2> resets;  // without data: none
  int64_t batch, time, channels;

  explicit RnnTerms(const Rnn& in)
      : x(in.x.view<const T, 3>()),
        W(in.W.view<const T, 2>()),
        b(in.b.data<T>()),
        state(optional_view<const T, 2>(in.state)),
        resets(optional_view<const uint8_t, 2>(in.resets)),
        batch(x.sizes[0]),
        time(x.sizes[1]),
        channels(W.sizes[1]) {}
};

/// What the gradient reads beside the arguments, and what it writes.
template <class T>
struct RnnGradientTerms {
  View<const T, 3> h, saved, dh;  // saved: without data for the tanh cell
  View<const T, 2> dlast;         // without data: zero
  View<T, 3> dx, dp;
  View<T, 2> dstate;  // without data: not asked for
};

/// Calls f with the element type and the cell as types.
template <class F>
void for_cell(const Rnn& in, F f) {
  for_float("rnn", in.x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    switch (in.cell) {
      case RnnCell::tanh:
        return f(T{}, std::integral_constant<RnnCell, RnnCell::tanh>());
      case RnnCell::lstm:
        return f(T{}, std::integral_constant<RnnCell, RnnCell::lstm>());
      case RnnCell::gru:
        return f(T{}, std::integral_constant<RnnCell, RnnCell::gru>());
    }
  });
}

}  // namespace lw::kernels
