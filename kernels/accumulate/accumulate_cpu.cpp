#include "core/parallel.h"
#include "kernels/accumulate/accumulate.h"
#include "kernels/add_to_cpu.h"

namespace lw::kernels {
namespace {

template <class T>
void add_rows(const Tensor& x, Tensor& y) {
  const auto in = x.view<const T, 2>();
  const auto out = y.view<T, 2>();
  const int64_t columns = in.sizes[1], grain = columns > 32768 ? 1 : 32768 / (columns + 1) + 1;
  parallel_for(in.sizes[0], grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* a = &in(row, 0);
      T* b = &out(row, 0);
      if constexpr (std::is_same_v<T, bfloat16>) {
        for (int64_t i = 0; i < columns; ++i)
          b[i] = bfloat16(static_cast<float>(b[i]) + static_cast<float>(a[i]));
      } else {
        add_to(b, a, columns);
      }
    }
  });
}

void accumulate_cpu(const Tensor& x, Tensor& y) {
  check_accumulate(x, y);
  if (x.numel() == 0) return;
  const bool flat = x.is_contiguous() && y.is_contiguous();
  Tensor in, out, tail_in, tail_out;
  if (flat) {  // cut into even rows for the threads, and a tail
    const int64_t even = x.numel() / 16384 * 16384;
    const Tensor x1 = x.reshape({-1}), y1 = y.reshape({-1});
    in = x1.slice(0, 0, even).reshape({-1, 16384}), out = y1.slice(0, 0, even).reshape({-1, 16384});
    tail_in = x1.slice(0, even, x.numel()).reshape({1, -1}),
    tail_out = y1.slice(0, even, x.numel()).reshape({1, -1});
  } else {
    in = x.rows(), out = y.rows();
    check(out.shares_storage(y), "accumulate: the rows of the target are not equally spaced");
  }
  for_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (is_floating(dtype_of<T>) || is_complex(dtype_of<T>)) {
      add_rows<T>(in, out);
      if (tail_in.defined() && tail_in.numel() > 0) add_rows<T>(tail_in, tail_out);
    }
  });
}

const Implementation cpu{accumulate, DeviceKind::cpu, &accumulate_cpu};

}  // namespace
}  // namespace lw::kernels
