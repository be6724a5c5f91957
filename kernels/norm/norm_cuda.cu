// Norms of rows on a GPU: a warp for each short row, a block for each long one. See README.md, "On a
// GPU".
#include <algorithm>

#include "core/cuda_reduce.h"
#include "kernels/add_parts_cuda.h"
#include "kernels/norm/norm.h"
#include "kernels/optional_view.h"

namespace lw::kernels {
namespace {

constexpr int64_t most_shared = 64 << 10;  // bytes that a block keeps of its rows
constexpr int64_t least_rows = 16;         // of a part of the weight gradient
constexpr int64_t many_teams = 1024;       // enough to fill a GPU

/// The threads that work on a row: a warp, one of four of its block, or a block.
template <int kLanes>
struct Team {
  static constexpr int of_block = kLanes == 32 ? 4 : 1;
  static constexpr int threads = kLanes * of_block;

  int rank, place;  // of this thread in the team; of the team in the block
  int64_t number;   // among all teams

  __device__ Team()
      : rank(static_cast<int>(threadIdx.x) % kLanes),
        place(static_cast<int>(threadIdx.x) / kLanes),
        number(int64_t{blockIdx.x} * of_block + place) {}

  template <class T>
  __device__ T sum(T x) const {
    return cuda::fold_lanes<kLanes, cuda::Sum>(x);
  }
};

/// Calls f(kLanes) with the size of the team for rows of n elements.
template <class F>
void for_team(int64_t n, F&& f) {
  if (n <= 256) return f(std::integral_constant<int, 32>());
  if (n <= 1024) return f(std::integral_constant<int, 128>());
  return f(std::integral_constant<int, 256>());
}

/// The blocks for `number` teams, each of which keeps `kept` bytes in shared memory if there is room.
template <int kLanes>
struct Plan {
  bool shared;
  cuda::Grid grid;

  Plan(int64_t number, int64_t kept)
      : shared(kept * Team<kLanes>::of_block <= most_shared),
        grid(cuda::blocks(cuda::divide_up(number, Team<kLanes>::of_block), Team<kLanes>::threads)) {
    if (shared) grid.shared_bytes = kept * Team<kLanes>::of_block;
  }
};

template <class T>
struct Rows {
  View<const T, 2> x, residual, weight, bias;  // residual, bias: data is null where there is none
  int64_t rows, n, groups;
  T epsilon;
  bool centred;

  explicit Rows(const Norm& in)
      : x(in.x.view<const T, 2>()),
        residual(optional_view<const T, 2>(in.residual)),
        weight(in.weight.view<const T, 2>()),
        bias(optional_view<const T, 2>(in.bias)),
        rows(x.sizes[0]),
        n(x.sizes[1]),
        groups(weight.sizes[0]),
        epsilon(static_cast<T>(in.epsilon)),
        centred(in.centred) {}
};

template <class T, int kLanes>
__global__ void forward_kernel(Rows<T> in, View<T, 2> y, View<T, 2> sum, T* means, T* rstds,
                               bool shared) {
  const Team<kLanes> team;
  const int64_t row = team.number, n = in.n;
  if (row >= in.rows) return;
  const auto size = static_cast<T>(n);
  T* const kept = shared ? cuda::dynamic_shared<T>() + team.place * n : nullptr;
  T total = 0;
  for (int64_t i = team.rank; i < n; i += kLanes) {
    T v = in.x(row, i);
    if (in.residual.data) sum(row, i) = v += in.residual(row, i);
    if (shared) kept[i] = v;
    total += v;
  }
  // Each thread reads what it has itself written.
  const T* s = shared ? kept : in.residual.data ? &sum(row, 0) : &in.x(row, 0);
  T mean = 0;
  if (in.centred) {
    mean = team.sum(total) / size;
    T rest = 0;
    for (int64_t i = team.rank; i < n; i += kLanes) rest += s[i] - mean;
    mean += team.sum(rest) / size;
  }
  T squares = 0;
  for (int64_t i = team.rank; i < n; i += kLanes) {
    const T v = s[i] - mean;
    squares = std::fma(v, v, squares);
  }
  const T rstd = 1 / std::sqrt(team.sum(squares) / size + in.epsilon);
  if (team.rank == 0) {
    if (in.centred) means[row] = mean;
    rstds[row] = rstd;
  }
  const int64_t group = row % in.groups;
  for (int64_t i = team.rank; i < n; i += kLanes) {
    const T scaled = (s[i] - mean) * rstd * in.weight(group, i);
    y(row, i) = in.bias.data ? scaled + in.bias(group, i) : scaled;
  }
}

/// A team takes some rows of one group after the other, and adds up what they give to the gradients
/// of weight and bias: parts [chunk, group, n].
template <class T, int kLanes>
__global__ void backward_kernel(Rows<T> in, const T* means, const T* rstds, View<const T, 2> dy,
                                View<const T, 2> ds, View<T, 2> dx, T* dweights, T* dbiases,
                                int64_t chunks, int64_t grain, bool shared) {
  const Team<kLanes> team;
  const int64_t n = in.n, chunk = team.number / in.groups, group = team.number % in.groups;
  if (chunk >= chunks) return;
  T *const dweight = dweights + team.number * n, *const dbias = dbiases + team.number * n;
  T* const kept = shared ? cuda::dynamic_shared<T>() + team.place * 2 * n : nullptr;
  T *const dw = shared ? kept : dweight, *const db = shared ? kept + n : dbias;
  for (int64_t i = team.rank; i < n; i += kLanes) dw[i] = db[i] = 0;

  for (int64_t k = chunk * grain; k < (chunk + 1) * grain; ++k) {
    const int64_t row = k * in.groups + group;
    if (row >= in.rows) break;
    const T mean = in.centred ? means[row] : T{0}, rstd = rstds[row];
    T along = 0, shift = 0;
    for (int64_t i = team.rank; i < n; i += kLanes) {
      const T g = dy(row, i) * in.weight(group, i);
      along = std::fma(g, (in.x(row, i) - mean) * rstd, along);
      shift += g;
    }
    along = team.sum(along) / static_cast<T>(n);
    shift = in.centred ? team.sum(shift) / static_cast<T>(n) : T{0};
    for (int64_t i = team.rank; i < n; i += kLanes) {
      const T out = dy(row, i), h = (in.x(row, i) - mean) * rstd;
      const T own = (out * in.weight(group, i) - h * along - shift) * rstd;
      dx(row, i) = ds.data ? own + ds(row, i) : own;
      dw[i] = std::fma(out, h, dw[i]);
      db[i] += out;
    }
  }
  if (!shared) return;
  for (int64_t i = team.rank; i < n; i += kLanes) dweight[i] = dw[i], dbias[i] = db[i];
}

template <class T>
void forward_of(const Norm& call, Tensor& y, NormSaved& saved) {
  const Rows<T> in(call);
  for_team(in.n, [&](auto lanes) {
    const Plan<lanes()> plan(in.rows, in.n * size_of(dtype_of<T>));
    cuda::launch(forward_kernel<T, lanes()>, plan.grid, in, y.view<T, 2>(),
                 optional_view<T, 2>(saved.sum), in.centred ? saved.mean.data<T>() : nullptr,
                 saved.rstd.data<T>(), plan.shared);
  });
}

template <class T>
void backward_of(const Norm& call, const NormSaved& saved, const Tensor& dy, const Tensor& ds,
                 NormGradient& gradient) {
  const Rows<T> in(call);
  const int64_t rows = cuda::divide_up(in.rows, in.groups);  // of a group
  const int64_t grain =
      std::max(least_rows, cuda::divide_up(rows, cuda::divide_up(many_teams, in.groups)));
  const Shape parts{cuda::divide_up(rows, grain), in.groups, in.n};
  const Tensor dweights = Tensor::empty(parts, dtype_of<T>, dy.device());
  const Tensor dbiases = Tensor::empty_like(dweights);
  for_team(in.n, [&](auto lanes) {
    const Plan<lanes()> plan(parts[0] * parts[1], 2 * in.n * size_of(dtype_of<T>));
    cuda::launch(backward_kernel<T, lanes()>, plan.grid, in,
                 in.centred ? saved.mean.data<T>() : nullptr, saved.rstd.data<T>(),
                 dy.view<const T, 2>(), optional_view<const T, 2>(ds), gradient.dx.view<T, 2>(),
                 dweights.data<T>(), dbiases.data<T>(), parts[0], grain, plan.shared);
  });
  add_parts<T>(dweights, 1, gradient.dweight);
  add_parts<T>(dbiases, 1, gradient.dbias);
}

void forward_cuda(const Norm& in, Tensor& y, NormSaved& saved) {
  for_float("norm", in.x.dtype(),
            [&](auto tag) { forward_of<typename decltype(tag)::type>(in, y, saved); });
}

void backward_cuda(const Norm& in, const NormSaved& saved, const Tensor& dy, const Tensor& ds,
                   NormGradient& gradient) {
  for_float("norm", in.x.dtype(), [&](auto tag) {
    backward_of<typename decltype(tag)::type>(in, saved, dy, ds, gradient);
  });
}

const Implementation on_cuda[] = {{norm_forward, DeviceKind::cuda, &forward_cuda},
                                  {norm_backward, DeviceKind::cuda, &backward_cuda}};

}  // namespace
}  // namespace lw::kernels
