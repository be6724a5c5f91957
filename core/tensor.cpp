#include "core/tensor.h"

#include <cmath>
#include <cstring>

#include "core/memory.h"
#include "core/parallel.h"

namespace lw {
namespace {

using Strides = std::array<int64_t, Shape::max_rank>;

Strides contiguous_strides(const Shape& shape) {
  Strides strides{};
  int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) strides[i] = step, step *= shape[i];
  return strides;
}

/// The strides that let the same memory be read in shape `to`, if there are any: an axis of `to`
/// must be cut from, or joined of, axes of `from` that have no gap between them. False if a copy is
/// needed.
bool reshaped_strides(const Shape& from, const Strides& strides, const Shape& to, Strides& result) {
  result = contiguous_strides(to);
  int j = to.rank() - 1;
  for (int i = from.rank() - 1; i >= 0;) {
    int64_t elements = from[i];
    const int64_t step = strides[i];
    for (--i; i >= 0 && (from[i] == 1 || strides[i] == step * elements); --i) elements *= from[i];
    int64_t stride = step;
    for (int64_t taken = 1; j >= 0 && (taken < elements || to[j] == 1); --j) {
      if (elements % (taken * to[j]) != 0) return false;
      result[j] = stride;
      stride *= to[j];
      taken *= to[j];
    }
  }
  if (to.rank() > 0 && to.back() == 1) result[to.rank() - 1] = 1;
  return to.rank() == 0 || result[to.rank() - 1] == 1;
}

/// Calls f(offset) for the first element of every row, in row-major order.
template <class F>
void for_rows(const Shape& shape, const Strides& strides, F&& f) {
  if (shape.rank() <= 1) return f(int64_t{0});
  std::array<int64_t, Shape::max_rank> index{};
  const int last = shape.rank() - 1;
  for (int64_t row = 0, rows = shape.without(-1).numel(), offset = 0; row < rows; ++row) {
    f(offset);
    for (int axis = last - 1; axis >= 0; --axis) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

template <class To, class From>
To convert(From value) {
  constexpr bool from_complex = is_complex(dtype_of<From>), to_complex = is_complex(dtype_of<To>);
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (std::is_same_v<From, bfloat16>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bfloat16>) {
    return bfloat16(convert<float>(value));
  } else if constexpr (from_complex && to_complex) {
    return To(static_cast<typename To::value_type>(value.real()),
              static_cast<typename To::value_type>(value.imag()));
  } else if constexpr (from_complex) {
    return static_cast<To>(value.real());
  } else if constexpr (to_complex) {
    return To(static_cast<typename To::value_type>(value));
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
  Tensor t;
  t.numel_ = shape.numel();
  int64_t bytes;
  check(!__builtin_mul_overflow(t.numel_, size_of(dtype), &bytes), "Tensor: ", shape, " of ", dtype,
        " is too large");
  t.storage_ = allocate(bytes, device);
  t.shape_ = shape;
  t.strides_ = contiguous_strides(shape);
  t.dtype_ = dtype;
  t.device_ = device;
  return t;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
  Tensor t = empty(shape, dtype, device);
  std::memset(t.raw(), 0, static_cast<size_t>(t.bytes()));
  return t;
}

Tensor Tensor::full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor t = empty(shape, dtype, device);
  t.fill(value);
  return t;
}

Tensor Tensor::scalar(double value, DType dtype, Device device) {
  return full({}, value, dtype, device);
}

bool Tensor::is_contiguous() const {
  int64_t step = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    if (shape_[i] != 1 && strides_[i] != step) return numel_ == 0;
    step *= shape_[i];
  }
  return true;
}

void Tensor::check_dtype(DType expected) const {
  check(defined(), "Tensor: this tensor is undefined, expected one of ", expected);
  check(dtype_ == expected, "Tensor: the dtype is ", dtype_, ", expected ", expected);
}

void Tensor::check_rank(int expected) const {
  check(rank() == expected, "Tensor: shape ", shape_, " has ", rank(), " axes, expected ",
        expected);
}

Tensor Tensor::rows() const {
  check(rank() >= 1, "Tensor::rows: a scalar has no rows");
  const int64_t columns = shape_.back();
  return reshape({columns == 0 ? shape_.without(-1).numel() : numel_ / columns, columns});
}

Tensor Tensor::slice(int axis, int64_t begin, int64_t end) const {
  axis = shape_.checked_axis(axis);
  check(0 <= begin && begin <= end && end <= shape_[axis], "slice: [", begin, ", ", end,
        ") is outside axis ", axis, " of ", shape_);
  Tensor t = *this;
  t.shape_[axis] = end - begin;
  t.numel_ = t.shape_.numel();
  t.offset_ += begin * strides_[axis];
  return t;
}

Tensor Tensor::select(int axis, int64_t index) const {
  axis = shape_.checked_axis(axis);
  const Tensor t = slice(axis, index, index + 1);
  return t.reshape(shape_.without(axis));
}

Tensor Tensor::reshape(std::initializer_list<int64_t> sizes) const {
  std::vector<int64_t> full(sizes);
  int64_t known = 1, unknown = -1;
  for (size_t i = 0; i < full.size(); ++i) {
    if (full[i] != -1) {
      known *= full[i];
      continue;
    }
    check(unknown < 0, "reshape: only one size may be -1");
    unknown = static_cast<int64_t>(i);
  }
  if (unknown >= 0) {
    check(known > 0 && numel_ % known == 0, "reshape: ", shape_, " has ", numel_,
          " elements, not a multiple of ", known);
    full[static_cast<size_t>(unknown)] = numel_ / known;
  }
  return reshape(Shape(full));
}

Tensor Tensor::reshape(const Shape& shape) const {
  check(shape.numel() == numel_, "reshape: ", shape_, " has ", numel_, " elements and ", shape,
        " has ", shape.numel());
  Tensor t = *this;
  t.shape_ = shape;
  if (numel_ == 0) {
    t.strides_ = contiguous_strides(shape);
    return t;
  }
  if (!reshaped_strides(shape_, strides_, shape, t.strides_))
    return contiguous_copy().reshape(shape);
  return t;
}

Tensor Tensor::contiguous_copy() const {
  Tensor t = empty_like(*this);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : contiguous_copy(); }

Tensor Tensor::clone() const { return contiguous_copy(); }

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor t = empty(shape_, dtype, device_);
  t.copy_from(*this);
  return t;
}

Tensor Tensor::to(Device device) const {
  if (device == device_) return *this;
  throw Error(str("Tensor: device ", device, " is not available: this build has no CUDA"));
}

void Tensor::fill(double value) {
  check(defined(), "Tensor::fill: this tensor is undefined");
  for_dtype(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* base = data<T>();
    const T x = convert<T>(value);
    const int64_t columns = rank() == 0 ? 1 : shape_.back();
    if (is_contiguous()) {
      parallel_for(numel_, 1 << 16,
                   [&](int64_t begin, int64_t end) { std::fill(base + begin, base + end, x); });
    } else {
      for_rows(shape_, strides_, [&](int64_t offset) { std::fill_n(base + offset, columns, x); });
    }
  });
}

void Tensor::copy_from(const Tensor& source) {
  check(defined() && source.defined(), "Tensor::copy_from: a tensor is undefined");
  check(shape_ == source.shape_, "Tensor::copy_from: shapes differ: ", shape_, " from ",
        source.shape_);
  if (numel_ == 0) return;
  const int64_t columns = rank() == 0 ? 1 : shape_.back();
  const bool flat = is_contiguous() && source.is_contiguous();
  for_dtype(dtype_, [&](auto to_tag) {
    for_dtype(source.dtype_, [&](auto from_tag) {
      using To = typename decltype(to_tag)::type;
      using From = typename decltype(from_tag)::type;
      To* to = data<To>();
      const From* from = source.data<From>();
      const auto copy_row = [](const From* in, To* out, int64_t n) {
        if constexpr (std::is_same_v<To, From>) {
          std::memcpy(static_cast<void*>(out), in, static_cast<size_t>(n) * sizeof(To));
        } else {
          for (int64_t i = 0; i < n; ++i) out[i] = convert<To>(in[i]);
        }
      };
      if (flat) {
        parallel_for(numel_, 1 << 16, [&](int64_t begin, int64_t end) {
          copy_row(from + begin, to + begin, end - begin);
        });
        return;
      }
      // The outermost axis goes over the threads; below it, rows are walked in step.
      const Tensor target = *this;
      if (rank() <= 1) return copy_row(from, to, columns);
      parallel_chunks(shape_[0], [&](int64_t i) {
        std::vector<int64_t> offsets;
        const Shape inner = shape_.without(0);
        Strides inner_to{}, inner_from{};
        for (int axis = 1; axis < rank(); ++axis) {
          inner_to[axis - 1] = target.strides_[axis];
          inner_from[axis - 1] = source.strides_[axis];
        }
        for_rows(inner, inner_from, [&](int64_t offset) { offsets.push_back(offset); });
        size_t row = 0;
        const From* in = from + i * source.strides_[0];
        To* out = to + i * target.strides_[0];
        for_rows(inner, inner_to,
                 [&](int64_t offset) { copy_row(in + offsets[row++], out + offset, columns); });
      });
    });
  });
}

double Tensor::item() const {
  check(numel_ == 1, "Tensor::item: expected one element, received shape ", shape_);
  return to_vector()[0];
}

double Tensor::at(std::initializer_list<int64_t> index) const {
  check_rank(static_cast<int>(index.size()));
  int64_t offset = 0;
  int axis = 0;
  for (const int64_t i : index) {
    check(0 <= i && i < shape_[axis], "Tensor::at: index ", i, " is outside axis ", axis, " of ",
          shape_);
    offset += i * strides_[axis++];
  }
  return for_dtype(dtype_, [&](auto tag) {
    return convert<double>(data<typename decltype(tag)::type>()[offset]);
  });
}

std::vector<double> Tensor::to_vector() const {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(numel_));
  if (numel_ == 0) return values;
  for_dtype(dtype_, [&](auto tag) {
    const auto* base = data<typename decltype(tag)::type>();
    const int64_t columns = rank() == 0 ? 1 : shape_.back();
    for_rows(shape_, strides_, [&](int64_t offset) {
      for (int64_t i = 0; i < columns; ++i) values.push_back(convert<double>(base[offset + i]));
    });
  });
  return values;
}

bool Tensor::all_finite() const {
  const Tensor flat = contiguous();
  return for_dtype(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = flat.data<T>();
    for (int64_t i = 0; i < numel_; ++i) {
      if constexpr (is_complex(dtype_of<T>)) {
        if (!std::isfinite(x[i].real()) || !std::isfinite(x[i].imag())) return false;
      } else if constexpr (is_floating(dtype_of<T>)) {
        if (!std::isfinite(static_cast<double>(convert<double>(x[i])))) return false;
      }
    }
    return true;
  });
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  return tensor.defined() ? out << tensor.dtype() << ' ' << tensor.shape() : out << "none";
}

}  // namespace lw
