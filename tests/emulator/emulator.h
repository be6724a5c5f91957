// The CUDA C++ of the kernels, in plain C++: .cu files compiled with this header run on the CPU,
// every thread of a block a fiber that stops at barriers. See README.md.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

#include "core/error.h"
#include "core/view.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static  // blocks run one after the other
#define __constant__ static

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace lw::emulator {

/// Work of the device: done at once, or kept where it is being recorded.
void submit(std::function<void()> work);

/// Runs body() as every thread of every block. Throws Error where threads wait for each other in
/// vain.
void run(dim3 grid, dim3 block, int64_t shared_bytes, const std::function<void()>& body);

/// Waits for all threads of the block that have not ended.
void block_barrier();
/// Waits for all lanes of `mask` in this warp that have not ended.
void warp_barrier(uint32_t mask);
/// 8 bytes of each lane of this warp, to exchange values by.
uint64_t* warp_slots();
int lane();
/// What dynamic_shared() gives.
void* dynamic_shared_memory();
/// Whether [begin, begin + bytes) lies in the emulated device's memory; null does.
bool is_device_memory(const void* begin);

/// What every lane of the warp gave, through slots; `read(slots)` picks from them.
template <class T, class Read>
T exchange(uint32_t mask, T value, const Read& read) {
  static_assert(sizeof(T) <= sizeof(uint64_t) && std::is_trivially_copyable_v<T>);
  uint64_t* slots = warp_slots();
  std::memcpy(&slots[lane()], &value, sizeof(T));
  warp_barrier(mask);
  const T result = read(slots);
  warp_barrier(mask);
  return result;
}
template <class T>
T from_lane(uint32_t mask, T value, int source) {
  return exchange(mask, value, [&](const uint64_t* slots) {
    T result;
    std::memcpy(&result, &slots[source], sizeof(T));
    return result;
  });
}

/// Calls use(of), where of(lane) is what that lane of the whole warp gave.
template <class T, class Use>
void look_at_lanes(const T& mine, const Use& use) {
  exchange(0xffffffffu, &mine, [&](const uint64_t* slots) {
    use([&](int lane) -> const T& {
      const T* theirs;
      std::memcpy(&theirs, &slots[lane], sizeof(theirs));
      return *theirs;
    });
    return &mine;
  });
}

template <class T>
void check_argument(const T& argument) {
  if constexpr (std::is_pointer_v<T>)
    check(is_device_memory(argument), "emulator: a kernel was given a pointer to host memory");
}
template <class T, int Rank>
void check_argument(const View<T, Rank>& view) {
  check_argument(view.data);
}

}  // namespace lw::emulator

inline void __syncthreads() { lw::emulator::block_barrier(); }
inline void __syncwarp(uint32_t mask = 0xffffffffu) { lw::emulator::warp_barrier(mask); }

template <class T>
T __shfl_sync(uint32_t mask, T value, int source, int width = warpSize) {
  const int lane = lw::emulator::lane(), first = lane / width * width;
  return lw::emulator::from_lane(mask, value, first + source % width);
}
template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lanes, int width = warpSize) {
  const int lane = lw::emulator::lane(), source = lane ^ lanes;
  return lw::emulator::from_lane(mask, value, source / width == lane / width ? source : lane);
}
inline uint32_t __ballot_sync(uint32_t mask, bool predicate) {
  return lw::emulator::exchange(mask, uint32_t{predicate}, [&](const uint64_t* slots) {
    uint32_t bits = 0;
    for (int i = 0; i < warpSize; ++i)
      if (mask >> i & 1 && (slots[i] & 1)) bits |= 1u << i;
    return bits;
  });
}

inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline void sincospi(double x, double* s, double* c) {
  x = std::remainder(x, 2.);
  *s = std::sin(M_PI * x), *c = std::cos(M_PI * x);
}

namespace lw::cuda {

/// Bytes of shared memory that a block can have: those of compute capability 9.0, or $LW_EMULATED_SHARED_KIB.
int64_t shared_memory_of_block();

template <class... Parameters>
void start(void (*kernel)(Parameters...), dim3 blocks, dim3 threads, int64_t shared_bytes,
           const std::remove_cvref_t<Parameters>&... arguments) {
  (emulator::check_argument(arguments), ...);
  emulator::submit(
      [=] { emulator::run(blocks, threads, shared_bytes, [&] { kernel(arguments...); }); });
}

/// Memory that the threads of a block share, of the size given to launch().
template <class T>
T* dynamic_shared() {
  return static_cast<T*>(emulator::dynamic_shared_memory());
}

/// The nearest number of 11 bits, as an f32; halves away from zero.
inline uint32_t round_to_tf32(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return std::isnan(x) ? bits : (bits + 0x1000) & 0xffffe000u;
}

/// sum = a b + c by a warp, with the fragments of the PTX ISA: m16n8k8 of TF32 and m8n8k4 of f64.
inline void mma(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                const float (&c)[4]) {
  struct Factors {
    float a[4], b[2];
  } mine;
  std::memcpy(mine.a, a, sizeof(mine.a));
  std::memcpy(mine.b, b, sizeof(mine.b));
  const int row = emulator::lane() / 4, column = 2 * (emulator::lane() % 4);
  emulator::look_at_lanes(mine, [&](const auto& of) {
    std::memmove(sum, c, sizeof(c));
    for (int i = 0; i < 4; ++i)  // row or row + 8, column or column + 1
      for (int k = 0; k < 8; ++k)
        sum[i] +=
            of(4 * row + k % 4).a[i / 2 + 2 * (k / 4)] * of(4 * (column + i % 2) + k % 4).b[k / 4];
  });
}
inline void mma(double (&sum)[2], double a, double b, const double (&c)[2]) {
  struct Factors {
    double a, b;
  } mine{a, b};
  const int row = emulator::lane() / 4, column = 2 * (emulator::lane() % 4);
  emulator::look_at_lanes(mine, [&](const auto& of) {
    std::memmove(sum, c, sizeof(c));
    for (int i = 0; i < 2; ++i)
      for (int k = 0; k < 4; ++k)
        sum[i] = std::fma(of(4 * row + k).a, of(4 * (column + i) + k).b, sum[i]);
  });
}

}  // namespace lw::cuda
