// Shape: the sizes of a tensor's axes, row-major; at most eight axes.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>

namespace lw {

class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;  ///< a scalar: rank 0, one element
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);

  int rank() const { return rank_; }
  /// The size of an axis; negative axes count from the end. Throws if there is no such axis.
  int64_t operator[](int axis) const { return sizes_[checked_axis(axis)]; }
  int64_t& operator[](int axis) { return sizes_[checked_axis(axis)]; }
  int64_t back() const { return (*this)[-1]; }
  const int64_t* begin() const { return sizes_.data(); }
  const int64_t* end() const { return sizes_.data() + rank_; }

  /// Number of elements; 1 for a scalar. Throws on overflow of 63 bits.
  int64_t numel() const;
  /// `axis` as an index in [0, rank); throws, naming both, when it is outside [-rank, rank).
  int checked_axis(int axis) const;

  Shape without(int axis) const;                 ///< the axis removed
  Shape with(int axis, int64_t size) const;      ///< the axis resized
  Shape inserted(int axis, int64_t size) const;  ///< a new axis before `axis` (may equal the rank)

  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

/// "[8, 1024, 2]"
std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// The shape of a result of NumPy broadcasting: axes align at the right, sizes agree or are 1.
/// Throws Error naming `op` and both shapes when they do not.
Shape broadcast(const char* op, const Shape& a, const Shape& b);

}  // namespace lw
