// A thread an element: the four words that a counter gives serve four neighbours, which each draw
// them again; the arithmetic hides behind memory.
#include "core/cuda_element.h"
#include "core/cuda_launch.h"
#include "core/nest.h"
#include "core/philox.h"
#include "kernels/dropout/dropout.h"

namespace lw::kernels {
namespace {

template <class E>
using Computed = std::conditional_t<std::is_same_v<E, bfloat16>, float, E>;

/// Where an element stands: index of its random word, from its place in y.
struct Indices {
  Mask mask;
  int64_t first_sample, sample_size, channels;  // elements of a sample; of its last axis

  __device__ int64_t of(int64_t element) const {
    const int64_t sample = first_sample + element / sample_size;
    if (mask == Mask::sample) return sample;
    if (mask == Mask::channel) return sample * channels + element % channels;
    return first_sample * sample_size + element;
  }
};

/// `position` may be null.
template <class E>
__global__ void dropout_kernel(Indices indices, uint64_t key, const int64_t* position,
                               uint32_t threshold, double scale, Nest<2> nest, const E* x, E* y) {
  if (position != nullptr) {
    __shared__ uint64_t drawn;  // once a block
    if (threadIdx.x == 0) drawn = drawn_key(key, position);
    __syncthreads();
    key = drawn;
    indices.first_sample = position[1];
  }
  const int64_t element = cuda::thread_number();
  if (element >= nest.rows * nest.row.size) return;
  const auto index = static_cast<uint64_t>(indices.of(element)), block = index / 4;
  const auto words =
      philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0},
             {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  using T = Computed<E>;
  // Chosen without an index, which would send the words through memory.
  const uint32_t low = index & 1 ? words[1] : words[0], high = index & 1 ? words[3] : words[2];
  const T factor = (index & 2 ? high : low) >= threshold ? static_cast<T>(scale) : T(0);
  const auto at = nest.place_of(element);
  y[at[1]] = static_cast<E>(static_cast<T>(x[at[0]]) * factor);
}

void dropout_cuda(const Dropout& how, const Tensor& x, Tensor& y) {
  check_dropout(how, x, y);
  if (x.numel() == 0) return;
  const auto run = [&](auto tag) {
    using E = typename decltype(tag)::type;
    const Nest<2> nest(y.shape(), {&x, &y});
    const Indices indices{how.mask, how.first_sample, y.numel() / y.size(0),
                          y.rank() == 1 ? 1 : y.size(-1)};
    cuda::launch(dropout_kernel<E>, cuda::cover(nest.elements()), indices, how.key,
                 how.position ? how.position.data<int64_t>() : nullptr, drop_threshold(how.rate),
                 1 / (1 - how.rate), nest, static_cast<const E*>(x.raw()),
                 static_cast<E*>(y.raw()));
  };
  x.dtype() == DType::bf16 ? run(TypeTag<bfloat16>()) : for_float("dropout", x.dtype(), run);
}

const Implementation cuda{dropout, DeviceKind::cuda, &dropout_cuda};

}  // namespace
}  // namespace lw::kernels
