// The long convolution on a GPU: transforms, products and sums over the batch in one kernel for all
// lengths that fit the shared memory of a block. See README.md, "On a GPU".
#include "kernels/complex_cuda.h"
#include "kernels/long_conv/long_conv_device.h"

namespace lw::kernels {
namespace {

constexpr int64_t enough_blocks = 528;  // four for each processor of an H100

/// A complex tensor of parts T that lives as long as this does.
template <class T>
struct Memory {
  Tensor tensor;
  explicit Memory(const Shape& shape, Device device)
      : tensor(Tensor::empty(shape, dtype_of<std::complex<T>>, device)) {}
  Complex<T>* data() const { return static_cast<Complex<T>*>(tensor.raw()); }
};

/// The documents of one transform length, and the spectrum of the kernel for it.
template <class T>
class BundleOnDevice {
 public:
  BundleOnDevice(const LongConv& in, const Bundle& bundle)
      : in_(in),
        bundle_(bundle),
        plan_(device_fft_plan<T>(bundle.n, in.u.device())),
        shape_{static_cast<int64_t>(bundle.documents.size()), in.u.size(2), in.u.device()},
        spectrum_({bundle.n, in.u.size(2)}, in.u.device()) {
    if (in.resets) {
      std::vector<int64_t> numbers;
      for (const Document& d : bundle.documents)
        numbers.insert(numbers.end(), {d.row, d.begin, d.length});
      table_ = Tensor::from({static_cast<int64_t>(numbers.size())}, numbers).to(shape_.device);
    }
    const FftShape one{1, shape_.channels, shape_.device};
    fft_forward(plan_, one,
                TurnedTaps<T>{in.k.view<const T, 2>(), in.D ? in.D.data<T>() : nullptr,
                              plan_.right_angle, 1 / static_cast<T>(plan_.n)},
                FftBuffer<T>{spectrum_.data(), plan_.n, shape_.channels});
  }

  void convolve(Tensor& y) const {
    fft_around(plan_, shape_, rows(in_.u), product(in_.reverse), rows(y));
  }

  /// Adds to dk, where it is asked for, and writes du.
  void differentiate(const Tensor& dy, LongConvGradients& out) const {
    if (shape_.channels == 0) return;
    const FftCut cut = FftCut::of(plan_, shape_.channels);
    const int64_t slice = cut.stage == 0 ? shape_.signals : fft_slice(plan_, shape_);
    const int64_t blocks = cut.subs * cut.groups;
    const int64_t parts = std::clamp<int64_t>(cuda::divide_up(enough_blocks, blocks), 1, slice);
    const int64_t n = plan_.n, channels = shape_.channels, each = cut.points << cut.log_group;
    const bool wants_dk = out.k.defined();
    Memory<T> sums({wants_dk ? parts : 0, n, channels}, shape_.device);
    sums.tensor.fill(0);
    const Memory<T> scratch({wants_dk ? parts * blocks : 0, each}, shape_.device);
    const GradientProduct<T> gradient{product(!in_.reverse),
                                      in_.reverse,
                                      {wants_dk ? sums.data() : nullptr, parts, n, channels},
                                      scratch.data()};
    const auto run = [&](int64_t first, int64_t count, const auto& u, const auto& g,
                         const auto& du) {
      using U = std::remove_cvref_t<decltype(u)>;
      using G = std::remove_cvref_t<decltype(g)>;
      using Du = std::remove_cvref_t<decltype(du)>;
      cuda::launch(long_conv_gradient_kernel<T, U, G, Du>, cut.grid(parts), plan_, cut, first,
                   count, channels, u, g, du, out.u.defined(), gradient);
    };
    const RightAngleRows<T> u = rows(in_.u), g = rows(dy), du = out.u ? rows(out.u) : u;
    if (cut.stage == 0) {
      run(0, shape_.signals, u, g, du);
    } else {
      const Memory<T> memory({2, slice, n, channels}, shape_.device);
      FftBuffer<T> for_u{memory.data(), n, channels};
      FftBuffer<T> for_dy{memory.data() + slice * n * channels, n, channels};
      for (int64_t first = 0; first < shape_.signals; first += slice) {
        const int64_t count = std::min(slice, shape_.signals - first);
        for_u.first = for_dy.first = first;
        if (wants_dk) fft_outer_forward(plan_, cut, count, u, for_u);
        fft_outer_forward(plan_, cut, count, g, for_dy);
        run(first, count, for_u, for_dy, for_dy);
        if (out.u) fft_outer_inverse(plan_, cut, count, for_dy, du);
      }
    }
    if (wants_dk)
      fft_inverse(plan_, FftShape{1, channels, shape_.device}, gradient.sums,
                  TapGradients<T>{out.k.view<T, 2>(), plan_.right_angle,
                                  std::min(in_.k.size(1), bundle_.longest), 1 / static_cast<T>(n)});
  }

 private:
  RightAngleRows<T> rows(const Tensor& t) const {
    return {t.view<T, 3>(),
            {table_ ? static_cast<const Document*>(table_.raw()) : nullptr, t.size(1)},
            plan_.right_angle};
  }
  SpectrumProduct<T> product(bool conjugate) const {
    return {spectrum_.data(), shape_.channels, conjugate};
  }

  const LongConv& in_;
  const Bundle& bundle_;
  const DeviceFftPlan<T>& plan_;
  FftShape shape_;
  Memory<T> spectrum_;
  Tensor table_;
};

/// Calls f(bundle) for the documents of each transform length.
template <class T, class F>
void for_bundles(const LongConv& in, F&& f) {
  LongConv on_host = in;
  on_host.resets = in.resets.to(host);
  constexpr int64_t one_part = 16;  // vectors of channels for which schedule() makes no parts
  const std::vector<Part> parts = schedule(on_host, one_part);
  for (const Bundle& bundle : parts.front()) f(BundleOnDevice<T>(in, bundle));
}

void forward(const LongConv& in, Tensor& y) {
  for_float("long_conv", in.u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_bundles<T>(in, [&](const auto& bundle) { bundle.convolve(y); });
  });
}

void backward(const LongConv& in, const Tensor& dy, LongConvGradients& out) {
  for_float("long_conv", in.u.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (out.k) out.k.fill(0);
    for_bundles<T>(in, [&](const auto& bundle) { bundle.differentiate(dy, out); });
  });
  if (!out.D) return;
  Tensor column = out.D.reshape({out.D.size(0), 1});
  column.copy_from(out.k.slice(1, 0, 1));
}

const Implementation on_cuda[] = {{long_conv_forward, DeviceKind::cuda, &forward},
                                  {long_conv_backward, DeviceKind::cuda, &backward}};

}  // namespace
}  // namespace lw::kernels
