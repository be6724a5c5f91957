// A scan in chunks on a GPU: the kernels that run, one after the other. See README.md, "In chunks".
#include <limits>

#include "kernels/add_parts_cuda.h"
#include "kernels/diagonal_scan/chunk_gradient_cuda.h"

namespace lw::kernels {
namespace {

/// Memory for `count` tables.
template <class Table>
Tensor tables_of(int64_t count, Device device) {
  return Tensor::empty({count, int64_t{sizeof(Table)}}, DType::u8, device);
}

template <class T>
View<T, 3> reversed(View<T, 3> signal) {
  signal.data += (signal.sizes[1] - 1) * signal.strides[1];
  signal.strides[1] = -signal.strides[1];
  return signal;
}

/// From `in` to `out`, and from the state that is given to the one that is left.
template <class T, int kTiles>
void walk(const DiagonalScan& scan, bool back, const View<const T, 3>& in, const View<T, 3>& out,
          const View<Complex<T>, 3>& initial, const View<Complex<T>, 3>& last) {
  using Table = WalkTable<T, kTiles>;
  const System<T> system(scan);
  const Cut cut(in.sizes[0], in.sizes[1], system.channels(), system.states());
  const Device device = scan.u.device();
  const int64_t groups = cuda::divide_up(cut.states, Table::states);
  const Tensor memory = tables_of<Table>(groups * cut.channels, device);
  Table* tables = static_cast<Table*>(memory.raw());
  cuda::launch(walk_table_kernel<T, kTiles>, cuda::blocks(groups * cut.channels, 32), system,
               cut.rest(), back, cut.channels, cut.states, tables);
  const auto run = [&](Walk<T> w) {
    for (int64_t group = 0; group < groups; ++group, w.first_state += Table::states)
      cuda::launch(walk_kernel<T, kTiles>, cut.template grid<T>(1, sizeof(WalkMemory<T, kTiles>)),
                   w, tables + group * cut.channels);
  };

  View<Complex<T>, 3> starts = initial;
  Tensor passed;
  if (cut.segments > 1) {
    passed = Tensor::empty({cut.sequences(), cut.channels, cut.states}, dtype_of<std::complex<T>>,
                           device);
    starts = complex_view<T, 3>(passed);
    run({.cut = cut, .in = in, .ends = starts});
    cuda::launch(carry_kernel<T>, cuda::cover(cut.batch * cut.channels * cut.states), system, cut,
                 back, initial, starts);
  }
  run({.cut = cut, .in = in, .out = out, .starts = starts, .last = last});
}

/// Calls f(TypeTag<T>(), tiles), tiles those of the states that a block goes through time with: as many as there are,
/// and as its shared memory holds.
template <class F>
void for_tiles(const DiagonalScan& in, const F& f) {
  const int64_t states = in.A.size(1);
  for_float("diagonal_scan", in.u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int most = sizeof(T) == 4 ? 8 : 4;
    const int64_t room = cuda::shared_memory_of_block();
    if (states <= 8 || room < int64_t{sizeof(WalkMemory<T, 4>)})
      f(tag, std::integral_constant<int, 2>());
    else if (states <= 16 || room < int64_t{sizeof(WalkMemory<T, most>)})
      f(tag, std::integral_constant<int, 4>());
    else
      f(tag, std::integral_constant<int, most>());
  });
}

template <class T>
void gradients_of_system(const DiagonalScan& in, const Tensor& dy, const Tensor& dstate,
                         DiagonalScanGradients& out) {
  using Table = GradientTable<T, gradient_tiles>;
  const System<T> system(in);
  Gradient<T> g{.cut = Cut(in.u.size(0), in.u.size(1), system.channels(), system.states()),
                .u = in.u.view<const T, 3>()};
  const Cut& cut = g.cut;
  const Device device = in.u.device();
  const int64_t groups = cuda::divide_up(cut.states, Table::states);
  const Tensor memory = tables_of<Table>(groups * cut.channels, device);
  Table* tables = static_cast<Table*>(memory.raw());
  cuda::launch(gradient_table_kernel<T, gradient_tiles>, cuda::blocks(groups * cut.channels, 32),
               system, cut.rest(), cut.channels, cut.states, tables);
  const auto run = [&](int64_t groups) {
    cuda::launch(gradient_kernel<T>, cut.template grid<T>(groups, sizeof(GradientMemory<T>)), g,
                 static_cast<int>(groups), tables);
  };

  const Tensor passed = Tensor::empty({cut.sequences(), cut.channels, state_parts, cut.states},
                                      dtype_of<std::complex<T>>, device);
  g.ends = complex_view<T, 4>(passed);
  if (cut.segments > 1) run(groups);
  g.starts = g.ends, g.ends = {};
  cuda::launch(carry_parts_kernel<T>, cuda::cover(cut.batch * cut.channels * cut.states), system,
               cut, complex_view<T, 3>(in.state), g.starts);

  const int64_t warps = cuda::divide_up(cut.sequences(), warp_sequences);
  const Tensor parts = Tensor::empty(Shape{warps, g.sums_size()}, dtype_of<T>, device);
  Tensor sums = Tensor::empty(Shape{g.sums_size()}, dtype_of<T>, device);
  g.dy = dy.view<const T, 3>();
  g.dlast = complex_view<T, 3>(dstate);
  g.sums = parts.data<T>();
  run(groups + 1);  // and the lags
  add_parts<T>(parts, 1, sums);
  g.sums = sums.data<T>();
  cuda::launch(chain_kernel<T>, cuda::cover(cut.channels * cut.states), system, g,
               complex_view<T, 2>(out.A), complex_view<T, 2>(out.B), complex_view<T, 2>(out.C));
}

}  // namespace

int64_t shortest_scan_in_chunks(DType dtype) {
  const auto needed = static_cast<int64_t>(dtype == DType::f64 ? sizeof(GradientMemory<double>)
                                                               : sizeof(GradientMemory<float>));
  return needed <= cuda::shared_memory_of_block() ? 32 : std::numeric_limits<int64_t>::max();
}

void diagonal_scan_forward_in_chunks(const DiagonalScan& in, Tensor& y, Tensor& state) {
  for_tiles(in, [&](auto tag, auto tiles) {
    using T = typename decltype(tag)::type;
    walk<T, tiles()>(in, false, in.u.view<const T, 3>(), y.view<T, 3>(),
                     complex_view<T, 3>(in.state), complex_view<T, 3>(state));
  });
}

void diagonal_scan_backward_in_chunks(const DiagonalScan& in, const Tensor& dy,
                                      const Tensor& dstate, DiagonalScanGradients& out) {
  for_tiles(in, [&](auto tag, auto tiles) {
    using T = typename decltype(tag)::type;
    walk<T, tiles()>(in, true, reversed(dy.view<const T, 3>()), reversed(out.u.view<T, 3>()),
                     complex_view<T, 3>(dstate), complex_view<T, 3>(out.state));
    gradients_of_system<T>(in, dy, dstate, out);
  });
}

}  // namespace lw::kernels
