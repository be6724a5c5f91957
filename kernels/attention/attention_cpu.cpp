#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/parallel.h"
#include "kernels/optional_view.h"
#include "kernels/segments.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_cpu.cpp"
#include <hwy/foreach_target.h>
// foreach_target.h comes first: it compiles this file once per target.
#include "core/simd_math-inl.h"
#include "kernels/rows_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lw::kernels::HWY_NAMESPACE {
namespace {

namespace math = lw::simd::HWY_NAMESPACE;

constexpr int64_t query_rows = 32, key_columns = 64;  // of a tile
template <class T>
constexpr T never = -std::numeric_limits<T>::infinity();

template <class T>
struct Problem {
  View<const T, 3> q, k, v;
  int64_t batch, time, keys, past, heads, dim;
  T scale;
  std::vector<int64_t> first;  // [batch, time]

  explicit Problem(const Attention& in)
      : q(in.q.view<const T, 3>()),
        k(in.k.view<const T, 3>()),
        v(in.v.view<const T, 3>()),
        batch(q.sizes[0]),
        time(q.sizes[1]),
        keys(k.sizes[1]),
        past(keys - time),
        heads(in.heads),
        dim(q.sizes[2] / heads),
        scale(static_cast<T>(in.scale)) {
    Tensor table = Tensor::empty({batch, time}, DType::i64, host);
    attention_first_keys(in, table);
    first.assign(table.data<int64_t>(), table.data<int64_t>() + batch * time);
  }
};

/// The numbers of one batch row and head, in rows of whole vectors, with zeros behind.
template <class T>
class Head {
 public:
  using D = hn::ScalableTag<T>;
  static constexpr D d{};

  Head(const Problem<T>& problem, int64_t task)
      : p(problem),
        row(task / p.heads),
        head(task % p.heads),
        width(whole_vectors(d, p.dim)),
        K(copied(p.k, p.keys)),
        V(copied(p.v, p.keys)),
        Kt(transposed(K)),
        scores(static_cast<size_t>(query_rows * key_columns)) {}

  void forward(const View<T, 3>& o, const View<T, 3>& lse) {
    std::vector<T> out(static_cast<size_t>(query_rows * width));
    for (int64_t begin = 0; begin < p.time; begin += query_rows) {
      const int64_t rows = std::min(query_rows, p.time - begin);
      const std::vector<T> Q = queries(p.q, begin, rows, p.scale);
      std::fill(out.begin(), out.end(), T{0});
      T most[query_rows], sum[query_rows] = {};
      std::fill_n(most, query_rows, never<T>);
      for_tiles(begin, rows, [&](int64_t tile, int64_t count) {
        multiply(Q, rows, Kt, tile, scores.data());
        mask(begin, rows, tile);
        for (int64_t r = 0; r < rows; ++r)
          soften(&scores[static_cast<size_t>(r * key_columns)], most[r], sum[r],
                 &out[static_cast<size_t>(r * width)]);
        add_rows_product(d, Strided<T>{scores.data(), key_columns, 1}, rows, &V[at(tile, width)],
                         width, count, out.data(), width, width);
      });
      for (int64_t r = 0; r < rows; ++r) {
        T* to = &o(row, begin + r, head * p.dim);
        for (int64_t c = 0; c < p.dim; ++c)
          to[c] = out[static_cast<size_t>(r * width + c)] / sum[r];
        lse(row, head, begin + r) = most[r] + std::log(sum[r]);
      }
    }
  }

  void backward(const View<const T, 3>& o, const View<const T, 3>& lse,
                const View<const T, 3>& dout, const View<T, 3>& dq, const View<T, 3>& dk,
                const View<T, 3>& dv) {
    const std::vector<T> Vt = transposed(V);
    std::vector<T> dK(K.size()), dV(V.size()), dscores(scores.size());
    std::vector<T> dQ(static_cast<size_t>(query_rows * width));
    for (int64_t begin = 0; begin < p.time; begin += query_rows) {
      const int64_t rows = std::min(query_rows, p.time - begin);
      const std::vector<T> Q = queries(p.q, begin, rows, p.scale),
                           dO = queries(dout, begin, rows, T{1});
      T inner[query_rows];  // <do, o>
      for (int64_t r = 0; r < rows; ++r) {
        inner[r] = 0;
        const T* out = &o(row, begin + r, head * p.dim);
        for (int64_t c = 0; c < p.dim; ++c)
          inner[r] += out[c] * dO[static_cast<size_t>(r * width + c)];
      }
      std::fill(dQ.begin(), dQ.end(), T{0});
      for_tiles(begin, rows, [&](int64_t tile, int64_t count) {
        multiply(Q, rows, Kt, tile, scores.data());
        mask(begin, rows, tile);
        multiply(dO, rows, Vt, tile, dscores.data());
        for (int64_t r = 0; r < rows; ++r)
          through_softmax(&scores[static_cast<size_t>(r * key_columns)],
                          &dscores[static_cast<size_t>(r * key_columns)], lse(row, head, begin + r),
                          inner[r]);
        add_rows_product(d, Strided<T>{dscores.data(), key_columns, 1}, rows, &K[at(tile, width)],
                         width, count, dQ.data(), width, width);
        add_rows_product(d, Strided<T>{dscores.data(), 1, key_columns}, count, Q.data(), width,
                         rows, &dK[at(tile, width)], width, width);
        add_rows_product(d, Strided<T>{scores.data(), 1, key_columns}, count, dO.data(), width,
                         rows, &dV[at(tile, width)], width, width);
      });
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < p.dim; ++c)
          dq(row, begin + r, head * p.dim + c) = p.scale * dQ[static_cast<size_t>(r * width + c)];
    }
    for (int64_t j = 0; j < p.keys; ++j) {
      std::copy_n(&dK[at(j, width)], p.dim, &dk(row, j, head * p.dim));
      std::copy_n(&dV[at(j, width)], p.dim, &dv(row, j, head * p.dim));
    }
  }

 private:
  static size_t at(int64_t i, int64_t pitch) { return static_cast<size_t>(i * pitch); }

  std::vector<T> copied(const View<const T, 3>& source, int64_t rows) const {
    std::vector<T> copy(at(rows, width));
    for (int64_t i = 0; i < rows; ++i)
      std::copy_n(&source(row, i, head * p.dim), p.dim, &copy[at(i, width)]);
    return copy;
  }
  /// Tiles of `key_columns` rows, each turned: [tile][dim][key of the tile].
  std::vector<T> transposed(const std::vector<T>& rows) const {
    const int64_t tiles = (p.keys + key_columns - 1) / key_columns;
    std::vector<T> turned(at(tiles, p.dim * key_columns));
    for (int64_t j = 0; j < p.keys; ++j)
      for (int64_t c = 0; c < p.dim; ++c)
        turned[at(j / key_columns * p.dim + c, key_columns) +
               static_cast<size_t>(j % key_columns)] = rows[at(j, width) + static_cast<size_t>(c)];
    return turned;
  }
  std::vector<T> queries(const View<const T, 3>& source, int64_t begin, int64_t rows,
                         T factor) const {
    std::vector<T> copy(at(rows, width));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < p.dim; ++c)
        copy[at(r, width) + static_cast<size_t>(c)] =
            factor * source(row, begin + r, head * p.dim + c);
    return copy;
  }

  /// Calls f(first key, keys) for the tiles of keys that the queries see.
  template <class F>
  void for_tiles(int64_t begin, int64_t rows, F f) const {
    const int64_t* first = &p.first[at(row, p.time)];
    const int64_t least = *std::min_element(first + begin, first + begin + rows);
    const int64_t end = p.past + begin + rows;  // behind the last key
    for (int64_t tile = least / key_columns * key_columns; tile < end; tile += key_columns)
      f(tile, std::min(key_columns, p.keys - tile));
  }

  /// out [rows, key_columns] = A times the turned keys (or values) of a tile.
  void multiply(const std::vector<T>& A, int64_t rows, const std::vector<T>& turned, int64_t tile,
                T* out) const {
    std::fill_n(out, rows * key_columns, T{0});
    add_rows_product(d, Strided<T>{A.data(), width, 1}, rows,
                     &turned[at(tile / key_columns * p.dim, key_columns)], key_columns, p.dim, out,
                     key_columns, key_columns);
  }

  /// Scores of keys that a query does not see become -infinity.
  void mask(int64_t begin, int64_t rows, int64_t tile) {
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t low = p.first[at(row, p.time) + static_cast<size_t>(begin + r)] - tile;
      const int64_t high = p.past + begin + r + 1 - tile;
      T* s = &scores[at(r, key_columns)];
      if (low > 0) std::fill_n(s, std::min(low, key_columns), never<T>);
      if (high < key_columns) std::fill(s + std::max<int64_t>(high, 0), s + key_columns, never<T>);
    }
  }

  /// Scores into exp(score - most), with what was summed before brought to the new maximum.
  void soften(T* s, T& most, T& sum, T* out) const {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    auto top = hn::Set(d, most);
    for (int64_t j = 0; j < key_columns; j += lanes) top = hn::Max(top, hn::LoadU(d, s + j));
    const T now = hn::GetLane(hn::MaxOfLanes(d, top));
    if (now == never<T>) {
      std::fill_n(s, key_columns, T{0});
      return;
    }
    auto total = hn::Zero(d);
    const auto shift = hn::Set(d, now);
    for (int64_t j = 0; j < key_columns; j += lanes) {
      const auto e = math::exp(d, hn::Sub(hn::LoadU(d, s + j), shift));
      hn::StoreU(e, d, s + j);
      total = hn::Add(total, e);
    }
    const T before = std::exp(most - now);
    if (before != 1) {
      const auto factor = hn::Set(d, before);
      for (int64_t c = 0; c < width; c += lanes)
        hn::StoreU(hn::Mul(factor, hn::LoadU(d, out + c)), d, out + c);
    }
    sum = sum * before + hn::GetLane(hn::SumOfLanes(d, total));
    most = now;
  }

  /// Scores into p = exp(score - lse), and the gradients of p into those of the scores.
  void through_softmax(T* s, T* ds, T lse, T inner) const {
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto shift = hn::Set(d, lse), mean = hn::Set(d, inner);
    for (int64_t j = 0; j < key_columns; j += lanes) {
      const auto e = math::exp(d, hn::Sub(hn::LoadU(d, s + j), shift));
      hn::StoreU(e, d, s + j);
      hn::StoreU(hn::Mul(e, hn::Sub(hn::LoadU(d, ds + j), mean)), d, ds + j);
    }
  }

  const Problem<T>& p;
  int64_t row, head, width;  // width: of a row of `dim` numbers
  std::vector<T> K, V, Kt;
  std::vector<T> scores;  // [query_rows, key_columns]
};

template <class T>
void forward_of(const Attention& in, Tensor& o, Tensor& lse) {
  const Problem<T> p(in);
  const auto out = o.view<T, 3>(), sums = lse.view<T, 3>();
  parallel_chunks(p.batch * p.heads, [&](int64_t task) { Head<T>(p, task).forward(out, sums); });
}

template <class T>
void backward_of(const Attention& in, const Tensor& o, const Tensor& lse, const Tensor& dout,
                 AttentionGradients& to) {
  const Problem<T> p(in);
  const auto out = o.view<const T, 3>(), sums = lse.view<const T, 3>(), g = dout.view<const T, 3>();
  const auto dq = to.q.view<T, 3>(), dk = to.k.view<T, 3>(), dv = to.v.view<T, 3>();
  parallel_chunks(p.batch * p.heads,
                  [&](int64_t task) { Head<T>(p, task).backward(out, sums, g, dq, dk, dv); });
}

void forward(const Attention& in, Tensor& o, Tensor& lse) {
  for_float("attention", in.q.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, o, lse); });
}

void backward(const Attention& in, const Tensor& o, const Tensor& lse, const Tensor& dout,
              AttentionGradients& to) {
  for_float("attention", in.q.dtype(),
            [&](auto tag) { backward_of<typename decltype(tag)::type>(in, o, lse, dout, to); });
}

}  // namespace
}  // namespace lw::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lw::kernels {
namespace {

HWY_EXPORT(forward);
HWY_EXPORT(backward);

void forward_cpu(const Attention& in, Tensor& o, Tensor& lse) {
  HWY_DYNAMIC_DISPATCH(forward)(in, o, lse);
}
void backward_cpu(const Attention& in, const Tensor& o, const Tensor& lse, const Tensor& dout,
                  AttentionGradients& to) {
  HWY_DYNAMIC_DISPATCH(backward)(in, o, lse, dout, to);
}

void first_keys_cpu(const Attention& in, Tensor& first) {
  const int64_t batch = in.q.size(0), time = in.q.size(1), past = in.k.size(1) - time;
  const auto resets = optional_view<const uint8_t, 2>(in.resets);
  for (int64_t b = 0; b < batch; ++b) {
    int64_t at = 0;
    for_float("attention", in.q.dtype(), [&](auto tag) {
      const auto alive = optional_view<const typename decltype(tag)::type, 2>(in.alive);
      while (alive.data && at < past && alive(b, at) < 0.5) ++at;
    });
    for (int64_t t = 0; t < time; ++t) {
      if (starts_at(resets, b, t)) at = past + t;
      first.data<int64_t>()[b * time + t] = at;
    }
  }
}

const Implementation cpu[] = {{attention_forward, DeviceKind::cpu, &forward_cpu},
                              {attention_backward, DeviceKind::cpu, &backward_cpu},
                              {attention_first_keys, DeviceKind::cpu, &first_keys_cpu}};

}  // namespace
}  // namespace lw::kernels
#endif  // HWY_ONCE
