// Pack: neighbouring elements that a thread of a CUDA kernel loads and stores together, 16 bytes at a
// time where the memory is aligned to it. Internal; for .cu files.
#pragma once

#include <type_traits>

#include "core/cuda_launch.h"

namespace lw::cuda {

template <class T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Pack {
  T at[N];
};

/// The first N elements of p, of which there are `left`; what is missing is zero. `aligned`: p is, as
/// Pack is.
template <int N, bool aligned = true, class T>
__device__ Pack<T, N> load_pack(const T* p, int64_t left) {
  if (aligned && left >= N) return *reinterpret_cast<const Pack<T, N>*>(p);
  Pack<T, N> pack;
#pragma unroll
  for (int k = 0; k < N; ++k) pack.at[k] = k < left ? p[k] : T{};
  return pack;
}
/// Writes the first `left` of N elements to p, which is aligned.
template <int N, class T>
__device__ void store_pack(T* p, int64_t left, const Pack<T, N>& pack) {
  if (left >= N) {
    *reinterpret_cast<Pack<T, N>*>(p) = pack;
  } else {
    for (int k = 0; k < left; ++k) p[k] = pack.at[k];
  }
}

/// Whether memory, and rows `pitch` bytes apart in it, begin at multiples of 16 bytes.
inline bool is_aligned(const void* p, int64_t pitch = 0) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && pitch % 16 == 0;
}

/// Calls f(std::integral_constant<int, N>()), N the elements in 16 bytes where all arrays are
/// aligned, else 1.
template <class T, class F>
void for_pack_size(std::initializer_list<const T*> arrays, F&& f) {
  for (const T* p : arrays)
    if (!is_aligned(p)) return f(std::integral_constant<int, 1>());
  f(std::integral_constant<int, static_cast<int>(16 / sizeof(T))>());
}

}  // namespace lw::cuda
