// Tensor: an n-dimensional array on one device. It knows nothing of gradients (see
// autograd/variable.h).
//
// A Tensor is a handle: copying it shares the storage. Its last axis is always contiguous; the axes
// before it may have any pitch, so that a slice, and a part of a split along the last axis, is a
// view that copies nothing. New tensors are made on the default device (see core/device.h). An undefined Tensor (default constructed) stands for "none": an absent
// argument, or a gradient that is zero.
//
// Errors: every misuse (a wrong axis, dtype or shape) throws Error naming both sides.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/dtype.h"
#include "core/shape.h"
#include "core/view.h"

namespace lw {

class Tensor {
 public:
  Tensor() = default;

  /// New storage with unspecified contents (NaN under test: see core/memory.h).
  static Tensor empty(const Shape& shape, DType dtype = DType::f32,
                      Device device = default_device());
  static Tensor zeros(const Shape& shape, DType dtype = DType::f32,
                      Device device = default_device());
  static Tensor full(const Shape& shape, double value, DType dtype = DType::f32,
                     Device device = default_device());
  static Tensor scalar(double value, DType dtype = DType::f32, Device device = default_device());
  /// Copies `values`, in row-major order, to a tensor of their type.
  template <class T>
  static Tensor from(const Shape& shape, std::span<const T> values);
  template <class T>
  static Tensor from(const Shape& shape, const std::vector<T>& values) {
    return from(shape, std::span<const T>(values));
  }
  static Tensor empty_like(const Tensor& t) { return empty(t.shape(), t.dtype(), t.device()); }
  static Tensor zeros_like(const Tensor& t) { return zeros(t.shape(), t.dtype(), t.device()); }

  bool defined() const { return storage_ != nullptr; }
  explicit operator bool() const { return defined(); }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t size(int axis) const { return shape_[axis]; }
  int64_t numel() const { return numel_; }
  int64_t bytes() const { return numel_ * size_of(dtype_); }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }
  /// Distance between neighbours along `axis`, in elements.
  int64_t stride(int axis) const { return strides_[shape_.checked_axis(axis)]; }
  bool is_contiguous() const;
  /// True when this is the only handle to the storage, so that an op may write into it in place.
  bool is_unique() const { return storage_.use_count() == 1; }
  bool shares_storage(const Tensor& other) const { return storage_ == other.storage_; }

  /// The first element. Throws unless T is the tensor's type. What it points to is memory of the
  /// tensor's device: the host reads and writes it on the CPU alone.
  template <class T>
  T* data() const {
    check_dtype(dtype_of<T>);
    return reinterpret_cast<T*>(raw());
  }
  void* raw() const { return storage_.get() + offset_ * size_of(dtype_); }

  /// A typed window with Rank axes. Throws unless type and rank agree.
  template <class T, int Rank>
  View<T, Rank> view() const {
    check_dtype(dtype_of<std::remove_const_t<T>>);
    check_rank(Rank);
    View<T, Rank> v;
    v.data = reinterpret_cast<T*>(raw());
    for (int i = 0; i < Rank; ++i) v.sizes[i] = shape_[i], v.strides[i] = strides_[i];
    return v;
  }

  /// The tensor as a matrix [rows, last axis]: every axis but the last folded into one. It shares
  /// the storage when the rows are equally spaced, and is a contiguous copy otherwise.
  Tensor rows() const;

  // Views: they share the storage.
  Tensor slice(int axis, int64_t begin, int64_t end) const;  ///< elements [begin, end) of an axis
  /// One element of an axis, the axis dropped. Of the last axis a copy: what stands last has no gaps.
  Tensor select(int axis, int64_t index) const;
  /// The same elements in another shape; one size may be -1. A contiguous tensor is shared, as is
  /// one whose pitch survives (splitting or joining axes that have no gap); others are copied.
  Tensor reshape(const Shape& shape) const;
  Tensor reshape(std::initializer_list<int64_t> sizes) const;

  // Copies.
  Tensor contiguous() const;  ///< this tensor if it has no gaps, else a copy without
  Tensor clone() const;
  Tensor to(
      DType dtype) const;  ///< converted element by element; this tensor if the dtype is the same
  Tensor to(Device device) const;

  // Writing through the handle.
  void fill(double value);
  void copy_from(const Tensor& source);  ///< same shape; converts the dtype

  // Reading, from any device.
  /// The single element of a one-element tensor, as a double (the real part of a complex one).
  double item() const;
  /// One element as a double, for tests and messages; slow.
  double at(std::initializer_list<int64_t> index) const;
  /// Elements in row-major order as doubles, for tests and messages; slow.
  std::vector<double> to_vector() const;
  /// True if no element is NaN or infinite. Integers always are finite.
  bool all_finite() const;

 private:
  void check_dtype(DType expected) const;
  void check_rank(int expected) const;
  Tensor contiguous_copy() const;

  std::shared_ptr<std::byte> storage_;
  int64_t offset_ = 0;  // in elements
  int64_t numel_ = 0;
  Shape shape_;
  std::array<int64_t, Shape::max_rank> strides_{};
  DType dtype_ = DType::f32;
  Device device_;
};

using Tensors = std::vector<Tensor>;

/// "f32 [8, 1024, 2]", or "none".
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

template <class T>
Tensor Tensor::from(const Shape& shape, std::span<const T> values) {
  Tensor result = empty(shape, dtype_of<T>, host);
  check(static_cast<int64_t>(values.size()) == result.numel(), "Tensor::from: ", values.size(),
        " values for shape ", shape);
  std::copy(values.begin(), values.end(), result.data<T>());
  return result.to(default_device());
}

}  // namespace lw
