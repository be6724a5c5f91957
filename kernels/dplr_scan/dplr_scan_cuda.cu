// The recurrence of S4 on a GPU: a team of lanes has a channel, its state in registers. See README.md, "On
// a GPU".
#include <algorithm>

#include "kernels/dplr_scan/dplr_entries_cuda.h"
#include "kernels/dplr_scan/dplr_midpoint_cuda.h"

namespace lw::kernels {
namespace {

constexpr int forward_steps = 32;  // of a chunk

template <class Team, class T, int kStates>
__global__ void __launch_bounds__(dplr_threads / kStates, 1)
    forward_kernel(const DplrProblem<T> p, View<T, 3> y, View<Complex<T>, 3> last) {
  const Team team(p);
  T* u = cuda::dynamic_shared<T>();
  T* parts = u + forward_steps * p.teams;
  Complex<T> x[kStates];
  T q[Team::ranks] = {};
  team.read_state(p.state, x);
  team.project(x, q);
  for (int64_t begin = 0; begin < p.time; begin += forward_steps) {
    const int64_t left = p.time - begin;
    const int steps = left < forward_steps ? static_cast<int>(left) : forward_steps;
    team.read(p.u, begin, steps, u);
    __syncthreads();
    for (int i = 0; i < steps; ++i) {
      team.advance(begin + i, u[i * p.teams + team.team], x, q);
      T part = 0;
#pragma unroll
      for (int k = 0; k < kStates; ++k) part = add_real_product(part, conj(team.C[k]), x[k]);
      team.part(parts, i) = part;
    }
    __syncthreads();
    team.write(parts, begin, steps, y);
    __syncthreads();  // before the next chunk is written
  }
  team.write_state(x, last);
}

/// Adds over the batch and goes back to the parameters; a warp has a channel.
template <class T>
__global__ void chain_kernel(const Parameters<T> parameters, int64_t rank, int64_t batch,
                             const DplrKept<T> kept, T* ddt, View<Complex<T>, 2> dlambda,
                             View<Complex<T>, 3> dP, View<Complex<T>, 2> dB,
                             View<Complex<T>, 2> dC) {
  const int64_t h = blockIdx.x, channels = gridDim.x, states = dlambda.sizes[1];
  const int64_t count = DplrEntries{rank}.count();
  const DplrMatrix W = parameters.inverse(rank, h);
  // dG = -W^T dW W^T with dW = sum kappa s^T and W s = k
  DplrMatrix products, dG;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t r = 0; r < rank; ++r)
      for (int64_t s = 0; s < rank; ++s)
        products.v[r][s] +=
            static_cast<double>(kept.products[((b * channels + h) * rank + r) * rank + s]);
  for (int64_t r = 0; r < rank; ++r)
    for (int64_t s = 0; s < rank; ++s)
      for (int64_t i = 0; i < rank; ++i) dG.v[r][s] -= W.v[i][r] * products.v[i][s];

  double drate = 0;
  for (int64_t n = threadIdx.x; n < states; n += warpSize) {
    Complex<double> total[3 + 2 * max_dplr_rank] = {};
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t i = 0; i < count; ++i)
        total[i] += widen(kept.sums[((b * channels + h) * count + i) * states + n]);
    const auto d = parameters.element(rank, h, n).gradients(total, dG);
    drate += d.rate;
    dlambda(h, n) = narrow<T>(d.lambda);
    dB(h, n) = narrow<T>(d.B);
    dC(h, n) = narrow<T>(d.C);
    for (int64_t r = 0; r < rank; ++r) dP(r, h, n) = narrow<T>(d.P[r]);
  }
  drate = cuda::fold_warp<cuda::Sum>(drate);
  const auto dt = static_cast<double>(parameters.dt[h]);
  if (threadIdx.x == 0) ddt[h] = static_cast<T>(-2 / (dt * dt) * drate);
}

/// Adds over the batch; a warp has a channel.
template <class T>
__global__ void midpoint_sum_kernel(int64_t rank, int64_t batch, const DplrKept<T> kept, T* ddt,
                                    View<Complex<T>, 2> dlambda, View<Complex<T>, 3> dP,
                                    View<Complex<T>, 2> dB, View<Complex<T>, 2> dC) {
  const int64_t h = blockIdx.x, channels = gridDim.x, states = dlambda.sizes[1];
  const MidpointEntries places{rank};
  for (int64_t n = threadIdx.x; n < states; n += warpSize) {
    const auto total = [&](int64_t entry) {
      Complex<double> sum{0, 0};
      for (int64_t b = 0; b < batch; ++b)
        sum += widen(kept.sums[((b * channels + h) * places.count() + entry) * states + n]);
      return sum;
    };
    dlambda(h, n) = narrow<T>(total(places.lambda()));
    dB(h, n) = narrow<T>(total(places.b()));
    dC(h, n) = narrow<T>(2. * total(places.c()));
    for (int64_t r = 0; r < rank; ++r) dP(r, h, n) = narrow<T>(total(places.p(r)));
  }
  if (threadIdx.x > 0) return;
  double sum = 0;
  for (int64_t b = 0; b < batch; ++b) sum += static_cast<double>(kept.products[b * channels + h]);
  ddt[h] = static_cast<T>(sum);
}

/// A call: its problem, the memory of the numbers of the step, and how it is cut.
template <class T, int kRank>
struct Call {
  Device device;
  Tensor entries, W;
  Parameters<T> parameters;
  DplrProblem<T> p;
  int threads = 32;

  explicit Call(const DplrScan& in) : device(in.u.device()), parameters(in) {
    p.u = in.u.view<const T, 3>();
    p.state = complex_view<T, 3>(in.state);
    p.resets = optional_view<const uint8_t, 2>(in.resets);
    p.batch = p.u.sizes[0], p.time = p.u.sizes[1], p.channels = p.u.sizes[2];
    p.states = in.lambda.size(1);
    check(p.states <= 128,
          "dplr_scan: expected at most 128 elements of the state on a GPU, received ", p.states);
    p.intervals = optional_view<const T, 2>(in.intervals);
    entries = memory<std::complex<T>>({p.channels, count(), p.states});
    W = memory<T>({p.channels, products()});
    p.entries = static_cast<const Complex<T>*>(entries.raw());
    p.W = W.template data<T>();
    cuda::launch(irregular() ? midpoint_entries_kernel<T> : entries_kernel<T>,
                 cuda::blocks(p.channels, 32), parameters, int64_t{kRank},
                 static_cast<Complex<T>*>(entries.raw()), W.template data<T>());
    p.lanes = 1;
    while (p.lanes < 32 && p.lanes * states_of_lane() < p.states) p.lanes *= 2;
    const int most = dplr_threads / states_of_lane();
    while (threads < most && threads < p.channels * p.lanes) threads *= 2;
    p.teams = threads / p.lanes;
    p.panels = cuda::divide_up(p.channels, p.teams);
  }
  bool irregular() const { return p.intervals.data != nullptr; }
  /// Entries of an element, and numbers of a channel beside them.
  int64_t count() const {
    return irregular() ? MidpointEntries{kRank}.count() : DplrEntries{kRank}.count();
  }
  int64_t products() const { return irregular() ? 1 : kRank * kRank; }
  template <class E>
  Tensor memory(const Shape& shape) const {
    return Tensor::empty(shape, dtype_of<E>, device);
  }
  cuda::Grid grid(int64_t shared_bytes) const {
    cuda::Grid grid = cuda::blocks(p.batch * p.panels, threads);
    grid.shared_bytes = shared_bytes;
    return grid;
  }
  /// More of them make a step of fewer exchanges, and fill the registers sooner.
  int states_of_lane() const { return sizeof(T) == 4 || p.states > 64 ? 4 : 2; }
  /// Calls f(std::integral_constant<int, kStates>()) with the elements of the state of a lane.
  template <class F>
  void for_states(F&& f) const {
    if constexpr (sizeof(T) > 4)
      if (states_of_lane() == 2) return f(std::integral_constant<int, 2>());
    f(std::integral_constant<int, 4>());
  }
};

template <class T, int kRank>
void forward_of(const DplrScan& in, Tensor& y, Tensor& state) {
  const Call<T, kRank> call(in);
  const int64_t numbers = forward_steps * call.p.teams * (1 + call.p.pitch());
  call.for_states([&](auto states) {
    constexpr int kStates = decltype(states)::value;
    cuda::launch(call.irregular() ? forward_kernel<MidpointTeam<T, kRank, kStates>, T, kStates>
                                  : forward_kernel<DplrTeam<T, kRank, kStates>, T, kStates>,
                 call.grid(numbers * int64_t{sizeof(T)}), call.p, y.view<T, 3>(),
                 complex_view<T, 3>(state));
  });
}

template <class T, int kRank>
void backward_of(const DplrScan& in, const Tensor& dy, const Tensor& dstate,
                 DplrScanGradients& out) {
  const Call<T, kRank> call(in);
  const DplrProblem<T>& p = call.p;
  call.for_states([&](auto states) {
    constexpr int kStates = decltype(states)::value;
    using Tile = DplrTile<T, kRank, kStates>;
    constexpr int64_t most = 48 << 10;  // of shared memory, so that there are four blocks at a time
    int steps = 32;
    while (steps > 1 && Tile::bytes(call.threads, p.teams, p.pitch(), steps) > most) --steps;
    const int64_t chunks = cuda::divide_up(p.time, steps);
    const Tensor starts =
        call.template memory<std::complex<T>>({p.batch, chunks, p.channels, p.states});
    const Tensor first = call.template memory<T>({p.batch, chunks, p.channels, int64_t{kRank}});
    const Tensor sums =
        call.template memory<std::complex<T>>({p.batch, p.channels, call.count(), p.states});
    const Tensor products = call.template memory<T>({p.batch, p.channels, call.products()});
    const DplrKept<T> kept{static_cast<Complex<T>*>(starts.raw()),
                           first.template data<T>(),
                           static_cast<Complex<T>*>(sums.raw()),
                           products.template data<T>(),
                           chunks,
                           steps};
    using Regular = DplrSums<T, kRank, kStates>;
    using Irregular = MidpointSums<T, kRank, kStates>;
    cuda::launch(call.irregular() ? dplr_backward_kernel<Irregular, T, kRank, kStates>
                                  : dplr_backward_kernel<Regular, T, kRank, kStates>,
                 call.grid(Tile::bytes(call.threads, p.teams, p.pitch(), steps)), p,
                 dy.view<const T, 3>(), complex_view<T, 3>(dstate), out.u.view<T, 3>(),
                 complex_view<T, 3>(out.state), kept);
    const auto add_up = [&](auto kernel, const auto&... before) {
      cuda::launch(kernel, cuda::blocks(p.channels, 32), before..., int64_t{kRank}, p.batch, kept,
                   out.dt.data<T>(), complex_view<T, 2>(out.lambda), complex_view<T, 3>(out.P),
                   complex_view<T, 2>(out.B), complex_view<T, 2>(out.C));
    };
    if (call.irregular())
      add_up(midpoint_sum_kernel<T>);
    else
      add_up(chain_kernel<T>, call.parameters);
  });
}

void forward(const DplrScan& in, Tensor& y, Tensor& state) {
  for_type_and_rank(in, [&](auto tag, auto rank) {
    forward_of<typename decltype(tag)::type, decltype(rank)::value>(in, y, state);
  });
}

void backward(const DplrScan& in, const Tensor& dy, const Tensor& dstate, DplrScanGradients& out) {
  for_type_and_rank(in, [&](auto tag, auto rank) {
    backward_of<typename decltype(tag)::type, decltype(rank)::value>(in, dy, dstate, out);
  });
}

const Implementation on_cuda[] = {{dplr_scan_forward, DeviceKind::cuda, &forward},
                                  {dplr_scan_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
