// One step of the selective scan on a CPU, as generation takes it: lanes are states, so that the
// state is read and written where it lies, without a transposition. The chains of roundings are
// those of the pass over many steps, so the bits are too. Included by selective_scan_cpu.cpp alone.

#if defined(LW_KERNELS_SELECTIVE_SCAN_STEP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LW_KERNELS_SELECTIVE_SCAN_STEP_INL_H_
#undef LW_KERNELS_SELECTIVE_SCAN_STEP_INL_H_
#else
#define LW_KERNELS_SELECTIVE_SCAN_STEP_INL_H_
#endif

#include "kernels/selective_scan/strip-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

constexpr int64_t step_channels = 64;  // of a block: what it needs is in the first-level cache
constexpr int64_t step_task = 8192;    // states that are worth a task of their own

/// A block of channels of a row at its only step.
template <class D>
class StepBlock {
 public:
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  StepBlock(const Arguments<T>& arguments, int64_t row, int64_t channel)
      : in_(arguments),
        b_(row),
        first_(channel),
        count_(std::min(step_channels, in_.channels - first_)) {}

  void run(const View<T, 3>& y, const View<T, 3>& final_state) {
    const bool forget = in_.resets.data && in_.resets(b_, 0);
    const T *B = &in_.B(b_, 0, 0), *C = &in_.C(b_, 0, 0);
    enter();
    int64_t c = 0;
    for (; c + 4 <= count_; c += 4) recur<4>(c, B, forget, final_state);
    for (; c < count_; ++c) recur<1>(c, B, forget, final_state);
    for (c = 0; c + 8 <= count_; c += 8) read_out<8>(c, C, final_state);
    for (; c < count_; ++c) read_out<1>(c, C, final_state);
    leave(y);
  }

 private:
  HWY_INLINE V load(const View<const T, 3>& v, int64_t c, int64_t lanes) const {
    return load_lanes(d, &v(b_, 0, first_ + c), lanes);
  }

  /// Step sizes dt, what enters the state dt u, and the skip D u.
  void enter() {
    const auto width = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t c = 0; c < count_; c += width) {
      const int64_t lanes = std::min(width, count_ - c);
      const auto per_channel = [&](const T* values) HWY_ATTR {
        return values ? load_lanes(d, values + first_ + c, lanes) : hn::Zero(d);
      };
      const V u = load(in_.u, c, lanes);
      V step = hn::Add(load(in_.delta, c, lanes), per_channel(in_.delta_bias));
      if (in_.softplus) step = StepSize<D>(d, step).dt;
      hn::StoreU(step, d, dt_ + c);
      hn::StoreU(hn::Mul(step, u), d, dtu_ + c);
      hn::StoreU(hn::Mul(per_channel(in_.D), u), d, sum_ + c);
    }
  }

  /// h <- exp(dt A) h + dt u B, for kChannels channels from c on, side by side.
  template <int kChannels>
  HWY_INLINE void recur(int64_t c, const T* B, bool forget, const View<T, 3>& final_state) const {
    const auto width = static_cast<int64_t>(hn::Lanes(d));
    const bool starts = forget || !in_.initial_state.data;
    for (int64_t n = 0; n < in_.states; n += width) {
      const int64_t lanes = std::min(width, in_.states - n);
      const V B_n = load_lanes(d, B + n, lanes), unit = hn::Set(d, static_cast<T>(log2_e));
      V decay[kChannels];
      HWY_UNROLL(4)
      for (int i = 0; i < kChannels; ++i)
        decay[i] = hn::Mul(hn::Set(d, dt_[c + i]),
                           hn::Mul(load_lanes(d, &in_.A(first_ + c + i, n), lanes), unit));
      decays_of(d, decay);
      HWY_UNROLL(4)
      for (int i = 0; i < kChannels; ++i) {
        const V before =
            starts ? hn::Zero(d) : load_lanes(d, &in_.initial_state(b_, first_ + c + i, n), lanes);
        const V h = hn::MulAdd(decay[i], before, hn::Mul(hn::Set(d, dtu_[c + i]), B_n));
        store_lanes(d, h, &final_state(b_, first_ + c + i, n), lanes);
      }
    }
  }

  /// y <- D u + C h, state by state for kChannels channels side by side, as the long pass adds.
  template <int kChannels>
  HWY_INLINE void read_out(int64_t c, const T* C, const View<T, 3>& state) {
    const hn::CappedTag<T, 1> one;
    hn::Vec<decltype(one)> y[kChannels];
    const T* h[kChannels];
    for (int i = 0; i < kChannels; ++i) {
      y[i] = hn::Set(one, sum_[c + i]);
      h[i] = &state(b_, first_ + c + i, 0);
    }
    for (int64_t n = 0; n < in_.states; ++n) {
      const auto C_n = hn::Set(one, C[n]);
      HWY_UNROLL(8)
      for (int i = 0; i < kChannels; ++i) y[i] = hn::MulAdd(hn::LoadU(one, h[i] + n), C_n, y[i]);
    }
    for (int i = 0; i < kChannels; ++i) sum_[c + i] = hn::GetLane(y[i]);
  }

  /// The gate.
  void leave(const View<T, 3>& out) const {
    const auto width = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t c = 0; c < count_; c += width) {
      const int64_t lanes = std::min(width, count_ - c);
      V result = load_lanes(d, sum_ + c, lanes);
      if (in_.z.data) {
        const V z = load(in_.z, c, lanes);
        result = hn::Mul(result, hn::Mul(z, math::sigmoid(d, z)));
      }
      store_lanes(d, result, &out(b_, 0, first_ + c), lanes);
    }
  }

  static constexpr D d = {};
  const Arguments<T>& in_;
  int64_t b_, first_, count_;
  T dt_[step_channels], dtu_[step_channels], sum_[step_channels];
};

/// The forward pass of a call of one step.
template <class T>
void forward_step(const Arguments<T>& in, const View<T, 3>& y, const View<T, 3>& final_state) {
  using D = hn::ScalableTag<T>;
  const int64_t blocks = ceil_div(in.channels, step_channels);
  const int64_t grain = std::max<int64_t>(1, step_task / (step_channels * (in.states + 1)));
  parallel_for(in.batch * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t b = task / blocks, first = task % blocks * step_channels;
      StepBlock<D>(in, b, first).run(y, final_state);
    }
  });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
