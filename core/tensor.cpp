#include "core/tensor.h"

#include <cmath>

#include "core/device_runtime.h"
#include "core/memory.h"
#include "core/sent_copy.h"
#include "core/tensor_elements.h"
#include "core/tensor_rows.h"

namespace lw {
namespace {

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
  if (t.numel_ > 0) runtime_of(device).set(t.raw(), 0, t.bytes());
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
  if (const Tensor sent = SentCopy::find(*this, device); sent.defined()) return sent;
  Tensor t = empty(shape_, dtype_, device);
  t.copy_from(*this);
  return t;
}

void Tensor::fill(double value) {
  check(defined(), "Tensor::fill: this tensor is undefined");
  if (numel_ > 0) fill_elements(value, *this);
}

void Tensor::copy_from(const Tensor& source) {
  check(defined() && source.defined(), "Tensor::copy_from: a tensor is undefined");
  check(shape_ == source.shape_, "Tensor::copy_from: shapes differ: ", shape_, " from ",
        source.shape_);
  if (numel_ == 0) return;
  if (source.device_ == device_) return copy_elements(source, *this);
  if (const Tensor sent = SentCopy::find(source, device_); sent.defined()) return copy_from(sent);
  if (device_ != host && source.device_ != host) {  // from one GPU to another
    const DeviceScope there(source.device_);
    const Tensor between = source.to(host);
    const DeviceScope here(device_);
    return copy_from(between);
  }
  // Only blocks without gaps travel; dtypes are converted where the source is.
  const Tensor packed = source.to(dtype_).contiguous();
  Tensor received = is_contiguous() ? *this : empty_like(*this);
  if (device_ == host) {
    runtime_of(source.device_).download(received.raw(), packed.raw(), bytes());
  } else {
    runtime_of(device_).upload(received.raw(), packed.raw(), bytes());
  }
  if (!is_contiguous()) copy_elements(received, *this);
}

double Tensor::item() const {
  check(numel_ == 1, "Tensor::item: expected one element, received shape ", shape_);
  return to_vector()[0];
}

double Tensor::at(std::initializer_list<int64_t> index) const {
  check_rank(static_cast<int>(index.size()));
  Tensor element = *this;
  int axis = 0;
  for (const int64_t i : index) {
    check(0 <= i && i < shape_[axis], "Tensor::at: index ", i, " is outside axis ", axis, " of ",
          shape_);
    element = element.slice(axis++, i, i + 1);
  }
  return element.to_vector()[0];
}

std::vector<double> Tensor::to_vector() const {
  if (numel_ == 0) return {};
  std::vector<double> values(static_cast<size_t>(numel_));
  const Tensor wide = to(host);
  for_dtype(dtype_, [&](auto tag) {
    const auto* base = wide.data<typename decltype(tag)::type>();
    const int64_t columns = rank() == 0 ? 1 : shape_.back();
    size_t i = 0;
    for_rows(shape_, wide.strides_, [&](int64_t offset) {
      for (int64_t c = 0; c < columns; ++c) values[i++] = convert<double>(base[offset + c]);
    });
  });
  return values;
}

bool Tensor::all_finite() const {
  const Tensor flat = to(host).contiguous();
  return for_dtype(dtype_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = flat.data<T>();
    for (int64_t i = 0; i < numel_; ++i) {
      if constexpr (is_complex(dtype_of<T>)) {
        if (!std::isfinite(x[i].real()) || !std::isfinite(x[i].imag())) return false;
      } else if constexpr (is_floating(dtype_of<T>)) {
        if (!std::isfinite(convert<double>(x[i]))) return false;
      }
    }
    return true;
  });
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  return tensor.defined() ? out << tensor.dtype() << ' ' << tensor.shape() : out << "none";
}

}  // namespace lw
