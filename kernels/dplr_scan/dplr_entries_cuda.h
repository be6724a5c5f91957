// From the parameters of dplr_scan to the numbers of its step, on a GPU. Internal; for .cu files.
#pragma once

#include "core/cuda_reduce.h"
#include "kernels/complex_cuda.h"
#include "kernels/dplr_scan/dplr_element.h"

namespace lw::kernels {
namespace {

/// The parameters as kernels see them.
template <class T>
struct Parameters {
  const T* dt;
  View<Complex<T>, 2> lambda, B, C;
  View<Complex<T>, 3> P;

  explicit Parameters(const DplrScan& in)
      : dt(in.dt.data<T>()),
        lambda(complex_view<T, 2>(in.lambda)),
        B(complex_view<T, 2>(in.B)),
        C(complex_view<T, 2>(in.C)),
        P(complex_view<T, 3>(in.P)) {}
  __device__ DplrElement element(int64_t rank, int64_t h, int64_t n) const {
    return {rank,
            static_cast<double>(dt[h]),
            widen(lambda(h, n)),
            widen(B(h, n)),
            widen(C(h, n)),
            [&](int64_t r) { return widen(P(r, h, n)); }};
  }
  /// W of channel h; all lanes of a warp call it.
  __device__ DplrMatrix inverse(int64_t rank, int64_t h) const {
    DplrMatrix G;
    for (int64_t n = threadIdx.x; n < lambda.sizes[1]; n += warpSize)
      element(rank, h, n).add_projection(G);
    for (int64_t r = 0; r < rank; ++r)
      for (int64_t s = 0; s < rank; ++s) G.v[r][s] = cuda::fold_warp<cuda::Sum>(G.v[r][s]);
    return G.inverse_with_identity(rank);
  }
};

/// The numbers of the step; a warp has a channel.
template <class T>
__global__ void entries_kernel(const Parameters<T> parameters, int64_t rank, Complex<T>* entries,
                               T* W) {
  const int64_t h = blockIdx.x, states = parameters.lambda.sizes[1];
  Complex<T>* to = entries + h * DplrEntries{rank}.count() * states;
  for (int64_t n = threadIdx.x; n < states; n += warpSize)
    parameters.element(rank, h, n).write([&](int64_t entry, Complex<double> value) {
      to[entry * states + n] = narrow<T>(value);
    });
  const DplrMatrix inverse = parameters.inverse(rank, h);
  if (threadIdx.x > 0) return;
  for (int64_t r = 0; r < rank; ++r)
    for (int64_t s = 0; s < rank; ++s)
      W[(h * rank + r) * rank + s] = static_cast<T>(inverse.v[r][s]);
}

/// The same for irregular times.
template <class T>
__global__ void midpoint_entries_kernel(const Parameters<T> parameters, int64_t rank,
                                        Complex<T>* entries, T* dt) {
  const int64_t h = blockIdx.x, states = parameters.lambda.sizes[1];
  const MidpointEntries places{rank};
  for (int64_t n = threadIdx.x; n < states; n += warpSize) {
    const auto put = [&](int64_t entry, Complex<T> value) {
      entries[(h * places.count() + entry) * states + n] = value;
    };
    put(places.lambda(), parameters.lambda(h, n));
    put(places.b(), parameters.B(h, n));
    put(places.c(), T(2) * parameters.C(h, n));
    for (int64_t r = 0; r < rank; ++r) put(places.p(r), parameters.P(r, h, n));
  }
  if (threadIdx.x == 0) dt[h] = parameters.dt[h];
}

}  // namespace
}  // namespace lw::kernels
