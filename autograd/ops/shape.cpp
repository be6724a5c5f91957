#include "autograd/ops/shape.h"

#include <numeric>

#include "kernels/shape/shape.h"

namespace lw {
namespace {

using kernels::Arrangement;

Tensor rearranged(const Tensor& x, const Arrangement& how) {
  Shape shape = x.shape();
  for (int k = 0; k < x.rank(); ++k) shape[k] = x.size(how.axis[k]);
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  kernels::rearrange(x, how, y);
  return y;
}

Variable rearrange(const char* name, const Variable& x, const Arrangement& how,
                   const Arrangement& inverse) {
  return Variable::from_op(name, rearranged(x.value(), how), {x}, [inverse](const Tensor& dy) {
    return Tensors{rearranged(dy, inverse)};
  });
}

Tensor padded(const Tensor& x, int axis, int64_t before, int64_t after, double value) {
  const int64_t end = before + x.size(axis);
  Tensor y = Tensor::empty(x.shape().with(axis, end + after), x.dtype(), x.device());
  y.slice(axis, 0, before).fill(value);
  y.slice(axis, before, end).copy_from(x);
  y.slice(axis, end, end + after).fill(value);
  return y;
}

/// `parts` joined along an axis; an undefined one stands for zeros. `sizes` are theirs on the axis.
Tensor joined(const Tensors& parts, const std::vector<int64_t>& sizes, int axis, Tensor whole) {
  int64_t begin = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    Tensor place = whole.slice(axis, begin, begin + sizes[i]);
    parts[i].defined() ? place.copy_from(parts[i]) : place.fill(0);
    begin += sizes[i];
  }
  return whole;
}

}  // namespace

Variable reshape(const Variable& x, const Shape& shape) {
  return Variable::from_op(
      "reshape", x.value().reshape(shape), {x},
      [before = x.shape()](const Tensor& dy) { return Tensors{dy.reshape(before)}; });
}

Variable reshape(const Variable& x, std::initializer_list<int64_t> sizes) {
  return Variable::from_op(
      "reshape", x.value().reshape(sizes), {x},
      [before = x.shape()](const Tensor& dy) { return Tensors{dy.reshape(before)}; });
}

Variable transpose(const Variable& x, int axis1, int axis2) {
  Arrangement how;
  std::swap(how.axis[x.shape().checked_axis(axis1)], how.axis[x.shape().checked_axis(axis2)]);
  return rearrange("transpose", x, how, how);
}

Variable permute(const Variable& x, const std::vector<int>& axes) {
  check(static_cast<int>(axes.size()) == x.rank(), "permute: ", axes.size(), " axes for shape ",
        x.shape());
  Arrangement how, inverse;
  std::array<bool, Shape::max_rank> taken{};
  for (int k = 0; k < x.rank(); ++k) {
    const int axis = x.shape().checked_axis(axes[static_cast<size_t>(k)]);
    check(!taken[axis], "permute: axis ", axis, " is named twice");
    taken[axis] = true;
    how.axis[k] = axis;
    inverse.axis[axis] = k;
  }
  return rearrange("permute", x, how, inverse);
}

Variable flip(const Variable& x, int axis) {
  Arrangement how;
  how.reversed[x.shape().checked_axis(axis)] = true;
  return rearrange("flip", x, how, how);
}

Variables split(const Variable& x, const std::vector<int64_t>& sizes, int axis) {
  axis = x.shape().checked_axis(axis);
  const int64_t sum = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  check(sum == x.size(axis), "split: the sizes add up to ", sum, ", expected ", x.size(axis),
        ", the size of axis ", axis, " of ", x.shape());
  Tensors parts;
  int64_t begin = 0;
  for (const int64_t size : sizes) {
    check(size >= 0, "split: a size is ", size, ", expected at least 0");
    parts.push_back(x.value().slice(axis, begin, begin + size));
    begin += size;
  }
  const Tensor& value = x.value();
  return Variable::from_op(
      "split", parts, {x},
      [sizes, axis, shape = value.shape(), dtype = value.dtype(),
       device = value.device()](const Tensors& dys) {
        return Tensors{joined(dys, sizes, axis, Tensor::empty(shape, dtype, device))};
      });
}

Variable slice(const Variable& x, int axis, int64_t begin, int64_t end) {
  const int64_t size = x.size(axis);
  return Variable::from_op("slice", x.value().slice(axis, begin, end), {x}, [=](const Tensor& dy) {
    return Tensors{padded(dy, axis, begin, size - end, 0)};
  });
}

Variable select(const Variable& x, int axis, int64_t index) {
  axis = x.shape().checked_axis(axis);
  const int64_t size = x.size(axis);
  check(0 <= index && index < size, "select: index ", index, " is outside axis ", axis, " of ",
        x.shape());
  return Variable::from_op("select", x.value().select(axis, index), {x}, [=](const Tensor& dy) {
    const Tensor one = dy.reshape(dy.shape().inserted(axis, 1));
    return Tensors{padded(one, axis, index, size - index - 1, 0)};
  });
}

Variable concat(const Variables& xs, int axis) {
  check(!xs.empty(), "concat: there is nothing to join");
  const Tensor& first = xs[0].value();
  axis = first.shape().checked_axis(axis);
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < xs.size(); ++i) {
    const Tensor& x = xs[i].value();
    check(x.rank() == first.rank() && x.dtype() == first.dtype() &&
              x.shape().with(axis, 0) == first.shape().with(axis, 0),
          "concat: value ", i, " is ", x, ", expected the dtype and, but for axis ", axis,
          ", the shape of value 0, ", first);
    sizes.push_back(x.size(axis));
  }
  const int64_t sum = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  Tensor y = Tensor::empty(first.shape().with(axis, sum), first.dtype(), first.device());
  return Variable::from_op("concat", joined(values_of(xs), sizes, axis, y), xs,
                           [sizes, axis](const Tensor& dy) {
                             Tensors parts;
                             int64_t begin = 0;
                             for (const int64_t size : sizes) {
                               parts.push_back(dy.slice(axis, begin, begin + size));
                               begin += size;
                             }
                             return parts;
                           });
}

Variable stack(const Variables& xs, int axis) {
  check(!xs.empty(), "stack: there is nothing to join");
  const int rank = xs[0].rank();
  check(-rank - 1 <= axis && axis <= rank, "stack: axis ", axis, " is outside [", -rank - 1, ", ",
        rank, "]");
  if (axis < 0) axis += rank + 1;
  Variables layers;
  for (const Variable& x : xs) {
    check(x.shape() == xs[0].shape(), "stack: expected shape ", xs[0].shape(), ", received ",
          x.shape());
    layers.push_back(reshape(x, x.shape().inserted(axis, 1)));
  }
  return concat(layers, axis);
}

Variable pad(const Variable& x, int axis, int64_t before, int64_t after, double value) {
  check(before >= 0 && after >= 0, "pad: expected at least 0 elements on each side, received ",
        before, " and ", after);
  axis = x.shape().checked_axis(axis);
  return Variable::from_op("pad", padded(x.value(), axis, before, after, value), {x},
                           [axis, before, size = x.size(axis)](const Tensor& dy) {
                             return Tensors{dy.slice(axis, before, before + size)};
                           });
}

}  // namespace lw
