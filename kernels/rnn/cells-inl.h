// The arithmetic of a step of each cell, in vectors of channels.
//
//   #include "kernels/rnn/cells-inl.h"               after hwy/foreach_target.h

#if defined(LW_KERNELS_RNN_CELLS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_RNN_CELLS_INL_H_
#undef LW_KERNELS_RNN_CELLS_INL_H_
#else
#define LW_KERNELS_RNN_CELLS_INL_H_
#endif

#include "core/simd_math-inl.h"
#include "kernels/partial_vector-inl.h"
#include "kernels/rnn/rnn.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {

namespace math = lw::simd::HWY_NAMESPACE;

/// Rows of one batch row at one step. Each holds parts of `channels` numbers, one after the other.
template <class T>
struct StepRows {
  const T *x, *p;  // what enters the gates, from the input and from the state
  T* saved;        // null: nothing is kept
  T *h, *c;        // the state, overwritten
};
template <class T>
struct StepGradientRows {
  const T* saved;       // of this step
  const T *h, *before;  // this step's h and the one before
  const T* c_before;    // of the lstm
  const T* dh;          // of the output
  T *dx, *dp;
  T *carry, *c_carry;  // the gradients of the state: of this step in, of the step before out
};

/// Channels c ... of a step, in vectors of `D`.
template <class D, RnnCell kCell>
struct Cell {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  D d;
  int64_t channels, c, lanes;

  HWY_INLINE V part(const T* row, int64_t i) const {
    return load_lanes(d, row + i * channels + c, lanes);
  }
  HWY_INLINE void write(V v, T* row, int64_t i) const {
    store_lanes(d, v, row + i * channels + c, lanes);
  }
  /// The gradient of what enters a gate: as much from the input as from the state.
  HWY_INLINE void write_both(V v, const StepGradientRows<T>& r, int64_t i) const {
    write(v, r.dp, i);
    if (r.dx != r.dp) write(v, r.dx, i);
  }
  /// s (1 - s) dy and (1 - t^2) dy
  static HWY_INLINE V through_sigmoid(V s, V dy) { return hn::Mul(hn::NegMulAdd(s, s, s), dy); }
  static HWY_INLINE V through_tanh(V t, V dy) { return hn::NegMulAdd(hn::Mul(t, t), dy, dy); }

  HWY_INLINE void step(const StepRows<T>& r) const {
    const auto gate = [&](int64_t i) { return hn::Add(part(r.x, i), part(r.p, i)); };
    if constexpr (kCell == RnnCell::tanh) {
      write(math::tanh(d, gate(0)), r.h, 0);
    } else if constexpr (kCell == RnnCell::lstm) {
      const V i = math::sigmoid(d, gate(0)), f = math::sigmoid(d, gate(1)),
              g = math::tanh(d, gate(2)), o = math::sigmoid(d, gate(3));
      const V cell = hn::MulAdd(f, part(r.c, 0), hn::Mul(i, g));
      write(cell, r.c, 0);
      write(hn::Mul(o, math::tanh(d, cell)), r.h, 0);
      if (r.saved == nullptr) return;
      write(i, r.saved, 0), write(f, r.saved, 1), write(g, r.saved, 2), write(o, r.saved, 3);
      write(cell, r.saved, 4);
    } else {
      const V reset = math::sigmoid(d, gate(0)), z = math::sigmoid(d, gate(1));
      const V p = part(r.p, 2), n = math::tanh(d, hn::MulAdd(reset, p, part(r.x, 2)));
      write(hn::MulAdd(z, hn::Sub(part(r.h, 0), n), n), r.h, 0);
      if (r.saved == nullptr) return;
      write(reset, r.saved, 0), write(z, r.saved, 1), write(n, r.saved, 2), write(p, r.saved, 3);
    }
  }

  /// The part of a step's gradient that does not go through W. The carry of h is left with what reaches the step before
  /// directly.
  HWY_INLINE void gradient(const StepGradientRows<T>& r) const {
    const V dh = hn::Add(part(r.dh, 0), part(r.carry, 0));
    if constexpr (kCell == RnnCell::tanh) {
      write_both(through_tanh(part(r.h, 0), dh), r, 0);
      write(hn::Zero(d), r.carry, 0);
    } else if constexpr (kCell == RnnCell::lstm) {
      const V i = part(r.saved, 0), f = part(r.saved, 1), g = part(r.saved, 2),
              o = part(r.saved, 3), t = math::tanh(d, part(r.saved, 4));
      const V dc = hn::Add(part(r.c_carry, 0), through_tanh(t, hn::Mul(dh, o)));
      write_both(through_sigmoid(i, hn::Mul(dc, g)), r, 0);
      write_both(through_sigmoid(f, hn::Mul(dc, part(r.c_before, 0))), r, 1);
      write_both(through_tanh(g, hn::Mul(dc, i)), r, 2);
      write_both(through_sigmoid(o, hn::Mul(dh, t)), r, 3);
      write(hn::Mul(dc, f), r.c_carry, 0);
      write(hn::Zero(d), r.carry, 0);
    } else {
      const V reset = part(r.saved, 0), z = part(r.saved, 1), n = part(r.saved, 2),
              p = part(r.saved, 3);
      const V dn = through_tanh(n, hn::NegMulAdd(z, dh, dh));
      const V dr = through_sigmoid(reset, hn::Mul(dn, p));
      const V dz = through_sigmoid(z, hn::Mul(dh, hn::Sub(part(r.before, 0), n)));
      write(dr, r.dx, 0), write(dz, r.dx, 1), write(dn, r.dx, 2);
      write(dr, r.dp, 0), write(dz, r.dp, 1), write(hn::Mul(dn, reset), r.dp, 2);
      write(hn::Mul(dh, z), r.carry, 0);
    }
  }
};

}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
