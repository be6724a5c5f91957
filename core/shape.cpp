#include "core/shape.h"

#include <algorithm>

#include "core/error.h"

namespace lw {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  check(sizes.size() <= max_rank, "shape: at most ", max_rank, " axes, received ", sizes.size());
  for (int i = 0; i < rank_; ++i) {
    check(sizes[i] >= 0, "shape: size of axis ", i, " is negative: ", sizes[i]);
    sizes_[i] = sizes[i];
  }
}

int64_t Shape::numel() const {
  int64_t product = 1;
  for (int64_t size : *this)
    check(!__builtin_mul_overflow(product, size, &product), "shape: ", *this,
          " has too many elements");
  return product;
}

int Shape::checked_axis(int axis) const {
  check(axis >= -rank_ && axis < rank_, "axis ", axis, " is out of range for shape ", *this);
  return axis < 0 ? axis + rank_ : axis;
}

Shape Shape::without(int axis) const {
  axis = checked_axis(axis);
  Shape result = *this;
  std::copy(sizes_.begin() + axis + 1, sizes_.begin() + rank_, result.sizes_.begin() + axis);
  result.sizes_[--result.rank_] = 0;
  return result;
}

Shape Shape::with(int axis, int64_t size) const {
  Shape result = *this;
  result[axis] = size;
  return result;
}

Shape Shape::inserted(int axis, int64_t size) const {
  if (axis < 0) axis += rank_ + 1;
  check(axis >= 0 && axis <= rank_ && rank_ < max_rank, "shape: no axis can be inserted at ", axis,
        " of ", *this);
  Shape result = *this;
  std::copy_backward(sizes_.begin() + axis, sizes_.begin() + rank_,
                     result.sizes_.begin() + rank_ + 1);
  result.sizes_[axis] = size;
  ++result.rank_;
  return result;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape[i];
  return out << ']';
}

Shape broadcast(const char* op, const Shape& a, const Shape& b) {
  Shape result = a.rank() >= b.rank() ? a : b;
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    check(a[-i] == b[-i] || a[-i] == 1 || b[-i] == 1, op, ": shapes ", a, " and ", b,
          " do not broadcast: sizes of axis -", i, " differ and neither is 1");
    result[-i] = a[-i] == 1 ? b[-i] : a[-i];
  }
  return result;
}

}  // namespace lw
