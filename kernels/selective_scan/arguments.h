// The arguments of the selective scan as views, for the kernels of every device. Internal.
#pragma once

#include "kernels/optional_view.h"
#include "kernels/selective_scan/selective_scan.h"

namespace lw::kernels {

/// A view, or a pointer, is null where its argument is left out.
template <class T>
struct ScanArguments {
  View<const T, 3> u, delta, B, C, z, initial_state;
  View<const T, 2> A;
  const T *D, *delta_bias;
  View<const uint8_t, 2> resets;
  bool softplus;
  int64_t batch, time, channels, states, chunks;  // chunks of a row

  explicit ScanArguments(const SelectiveScan& in)
      : u(in.u.view<const T, 3>()),
        delta(in.delta.view<const T, 3>()),
        B(in.B.view<const T, 3>()),
        C(in.C.view<const T, 3>()),
        z(optional_view<const T, 3>(in.z)),
        initial_state(optional_view<const T, 3>(in.initial_state)),
        A(in.A.view<const T, 2>()),
        D(in.D ? in.D.data<T>() : nullptr),
        delta_bias(in.delta_bias ? in.delta_bias.data<T>() : nullptr),
        resets(optional_view<const uint8_t, 2>(in.resets)),
        softplus(in.softplus),
        batch(in.u.size(0)),
        time(in.u.size(1)),
        channels(in.u.size(2)),
        states(in.A.size(1)),
        chunks((time + selective_scan_chunk - 1) / selective_scan_chunk) {}
};

}  // namespace lw::kernels
