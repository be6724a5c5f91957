#include "kernels/rnn/rnn.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/parallel.h"
#include "kernels/rnn/terms.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rnn/rnn_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "kernels/rnn/cells-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

constexpr int rows_together =
    4;  // batch rows that a task steps at a time, so that W is read once for them
constexpr int vectors_together = 4;  // of the result of a product, in registers

/// A matrix [rows, columns] whose rows are padded to whole groups of vectors.
template <class T>
class Matrix {
 public:
  using D = hn::ScalableTag<T>;

  Matrix(int64_t rows, int64_t columns)
      : rows_(rows), columns_(columns), pitch_(padded(columns)), values_(rows * pitch_) {}

  static int64_t padded(int64_t columns) {
    const auto group = static_cast<int64_t>(vectors_together * hn::Lanes(D()));
    return (columns + group - 1) / group * group;
  }
  T* row(int64_t i) { return values_.data() + i * pitch_; }
  const T* row(int64_t i) const { return values_.data() + i * pitch_; }
  int64_t rows() const { return rows_; }
  int64_t pitch() const { return pitch_; }

  /// out[r] += in[r] M for each of the rows r; `out` has the padding of M.
  template <int kRows>
  void add_product(const T* const (&in)[kRows], T* const (&out)[kRows]) const {
    constexpr D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t j = 0; j < pitch_; j += vectors_together * lanes) {
      hn::Vec<D> sum[kRows][vectors_together];
      for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < vectors_together; ++v) sum[r][v] = hn::LoadU(d, out[r] + j + v * lanes);
      const T* m = values_.data() + j;
      for (int64_t k = 0; k < rows_; ++k, m += pitch_) {
        hn::Vec<D> column[vectors_together];
        for (int v = 0; v < vectors_together; ++v) column[v] = hn::LoadU(d, m + v * lanes);
        for (int r = 0; r < kRows; ++r) {
          const auto x = hn::Set(d, in[r][k]);
          for (int v = 0; v < vectors_together; ++v)
            sum[r][v] = hn::MulAdd(x, column[v], sum[r][v]);
        }
      }
      for (int r = 0; r < kRows; ++r)
        for (int v = 0; v < vectors_together; ++v) hn::StoreU(sum[r][v], d, out[r] + j + v * lanes);
    }
  }

 private:
  int64_t rows_, columns_, pitch_;
  std::vector<T> values_;
};

/// W as it is multiplied from the left.
template <class T>
Matrix<T> copy_of(const View<const T, 2>& W) {
  Matrix<T> copy(W.sizes[0], W.sizes[1]);
  for (int64_t i = 0; i < W.sizes[0]; ++i) std::copy_n(&W(i, 0), W.sizes[1], copy.row(i));
  return copy;
}
template <class T>
Matrix<T> transposed(const View<const T, 2>& W) {
  Matrix<T> copy(W.sizes[1], W.sizes[0]);
  for (int64_t i = 0; i < W.sizes[0]; ++i)
    for (int64_t j = 0; j < W.sizes[1]; ++j) copy.row(j)[i] = W(i, j);
  return copy;
}

/// f(cell) for every vector of channels.
template <class T, RnnCell kCell, class F>
void for_channels(int64_t channels, F f) {
  constexpr hn::ScalableTag<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t c = 0; c < channels; c += lanes)
    f(Cell<hn::ScalableTag<T>, kCell>{d, channels, c, std::min(lanes, channels - c)});
}

/// Calls f(first, std::integral_constant<int, rows>) for groups of batch rows, on all threads.
template <class F>
void for_rows(int64_t batch, F f) {
  const int64_t groups = (batch + rows_together - 1) / rows_together;
  parallel_chunks(groups, [&](int64_t group) {
    const int64_t first = group * rows_together;
    if (first + rows_together <= batch)
      return f(first, std::integral_constant<int, rows_together>());
    for (int64_t row = first; row < batch; ++row) f(row, std::integral_constant<int, 1>());
  });
}

template <class T, RnnCell kCell, int kRows>
void forward_rows(const RnnTerms<T>& p, const Matrix<T>& W, int64_t first, const View<T, 3>& h,
                  const View<T, 2>& last, const View<T, 3>& saved) {
  const int64_t n = p.channels, gates = rnn_gates(kCell) * n;
  Matrix<T> state(kRows * rnn_states(kCell), n), product(kRows, gates);
  T *at[kRows], *gate[kRows];
  for (int r = 0; r < kRows; ++r) {
    at[r] = state.row(r), gate[r] = product.row(r);
    if (p.state.data)
      for (int64_t s = 0; s < rnn_states(kCell); ++s)
        std::copy_n(&p.state(first + r, s * n), n, state.row(s * kRows + r));
  }
  const T* from[kRows];
  std::copy_n(at, kRows, from);
  for (int64_t t = 0; t < p.time; ++t) {
    for (int r = 0; r < kRows; ++r) {
      if (starts_at(p.resets, first + r, t))
        for (int64_t s = 0; s < rnn_states(kCell); ++s)
          std::fill_n(state.row(s * kRows + r), n, T{0});
      std::copy_n(p.b, gates, gate[r]);
    }
    W.add_product(from, gate);
    for (int r = 0; r < kRows; ++r) {
      const StepRows<T> rows{&p.x(first + r, t, 0), gate[r],
                             saved.data ? &saved(first + r, t, 0) : nullptr, at[r],
                             rnn_states(kCell) > 1 ? state.row(kRows + r) : nullptr};
      for_channels<T, kCell>(n, [&](const auto& cell) { cell.step(rows); });
      std::copy_n(at[r], n, &h(first + r, t, 0));
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int64_t s = 0; s < rnn_states(kCell); ++s)
      std::copy_n(state.row(s * kRows + r), n, &last(first + r, s * n));
}

template <class T, RnnCell kCell, int kRows>
void backward_rows(const RnnTerms<T>& p, const Matrix<T>& W, int64_t first,
                   const RnnGradientTerms<T>& g) {
  constexpr int64_t states = rnn_states(kCell);
  const int64_t n = p.channels;
  Matrix<T> carry(kRows * states, n);
  const std::vector<T> zeros(static_cast<size_t>(n));
  /// Part s of the state before step t.
  const auto before = [&](int64_t row, int64_t t, int64_t s) -> const T* {
    if (starts_at(p.resets, row, t)) return zeros.data();
    if (t == 0) return p.state.data ? &p.state(row, s * n) : zeros.data();
    return s == 0 ? &g.h(row, t - 1, 0) : &g.saved(row, t - 1, 4 * n);
  };
  T* to[kRows];
  for (int r = 0; r < kRows; ++r) {
    to[r] = carry.row(r);
    if (g.dlast.data)
      for (int64_t s = 0; s < states; ++s)
        std::copy_n(&g.dlast(first + r, s * n), n, carry.row(s * kRows + r));
  }
  for (int64_t t = p.time - 1; t >= 0; --t) {
    const T* dp[kRows];
    for (int r = 0; r < kRows; ++r) {
      const int64_t row = first + r;
      dp[r] = &g.dp(row, t, 0);
      const StepGradientRows<T> rows{g.saved.data ? &g.saved(row, t, 0) : nullptr,
                                     &g.h(row, t, 0),
                                     before(row, t, 0),
                                     states > 1 ? before(row, t, 1) : nullptr,
                                     &g.dh(row, t, 0),
                                     &g.dx(row, t, 0),
                                     &g.dp(row, t, 0),
                                     to[r],
                                     states > 1 ? carry.row(kRows + r) : nullptr};
      for_channels<T, kCell>(n, [&](const auto& cell) { cell.gradient(rows); });
    }
    W.add_product(dp, to);
    for (int r = 0; r < kRows; ++r)
      if (starts_at(p.resets, first + r, t))
        for (int64_t s = 0; s < states; ++s) std::fill_n(carry.row(s * kRows + r), n, T{0});
  }
  if (g.dstate.data)
    for (int r = 0; r < kRows; ++r)
      for (int64_t s = 0; s < states; ++s)
        std::copy_n(carry.row(s * kRows + r), n, &g.dstate(first + r, s * n));
}

void forward(const Rnn& in, Tensor& h, Tensor& state, Tensor& saved) {
  for_cell(in, [&](auto zero, auto cell) {
    using T = decltype(zero);
    const RnnTerms<T> p(in);
    const Matrix<T> W = transposed(p.W);
    const auto out = h.view<T, 3>(), kept = optional_view<T, 3>(saved);
    const auto last = state.view<T, 2>();
    for_rows(p.batch, [&](int64_t first, auto rows) {
      forward_rows<T, cell.value, rows.value>(p, W, first, out, last, kept);
    });
  });
}

void backward(const Rnn& in, const Tensor& h, const Tensor& saved, const Tensor& dh,
              const Tensor& dlast, Tensor& dx, Tensor& dp, Tensor& dstate) {
  for_cell(in, [&](auto zero, auto cell) {
    using T = decltype(zero);
    const RnnTerms<T> p(in);
    const Matrix<T> W = copy_of(p.W);
    const RnnGradientTerms<T> g{h.view<const T, 3>(),
                                optional_view<const T, 3>(saved),
                                dh.view<const T, 3>(),
                                optional_view<const T, 2>(dlast),
                                dx.view<T, 3>(),
                                dp.view<T, 3>(),
                                optional_view<T, 2>(dstate)};
    for_rows(p.batch, [&](int64_t first, auto rows) {
      backward_rows<T, cell.value, rows.value>(p, W, first, g);
    });
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

void forward_cpu(const Rnn& in, Tensor& h, Tensor& state, Tensor& saved) {
  HWY_DYNAMIC_DISPATCH(forward)(in, h, state, saved);
}
void backward_cpu(const Rnn& in, const Tensor& h, const Tensor& saved, const Tensor& dh,
                  const Tensor& dlast, Tensor& dx, Tensor& dp, Tensor& dstate) {
  HWY_DYNAMIC_DISPATCH(backward)(in, h, saved, dh, dlast, dx, dp, dstate);
}

const Implementation cpu[] = {{rnn_forward, DeviceKind::cpu, &forward_cpu},
                              {rnn_backward, DeviceKind::cpu, &backward_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
