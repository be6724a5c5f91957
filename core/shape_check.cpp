#include "core/shape_check.h"

namespace lw {
namespace {

std::string names(const std::vector<std::string>& axes) {
  std::string result = "[";
  for (const std::string& axis : axes) result += (result.size() > 1 ? ", " : "") + axis;
  return result + "]";
}

}  // namespace

const ShapeCheck::Axis* ShapeCheck::find(std::string_view name) const {
  for (const Axis& axis : axes_)
    if (axis.name == name) return &axis;
  return nullptr;
}

int64_t ShapeCheck::operator[](std::string_view name) const {
  const Axis* axis = find(name);
  check(axis != nullptr, op_, ": no argument has an axis `", name, "`");
  return axis->size;
}

void ShapeCheck::fix(std::string_view axis, int64_t size, std::string_view reason) {
  axes_.push_back({std::string(axis), size, std::string(reason)});
}

void ShapeCheck::fix(std::string_view axis, int64_t size, std::string_view argument,
                     const Shape& shape) {
  axes_.push_back({std::string(axis), size, std::string(argument), shape});
}

void ShapeCheck::operator()(std::string_view argument, const Tensor& tensor,
                            std::vector<std::string> axes) {
  check(tensor.defined(), op_, ": `", argument, "` is missing, expected ", names(axes));
  if (first_.empty()) first_ = argument, dtype_ = tensor.dtype(), device_ = tensor.device();
  check(tensor.dtype() == dtype_, op_, ": `", argument, "` is ", tensor.dtype(), ", expected ",
        dtype_, " like `", first_, "`");
  check_axes(argument, tensor, axes);
}

void ShapeCheck::optional(std::string_view argument, const Tensor& tensor,
                          std::vector<std::string> axes) {
  if (tensor.defined()) (*this)(argument, tensor, std::move(axes));
}

void ShapeCheck::of(DType dtype, std::string_view argument, const Tensor& tensor,
                    std::vector<std::string> axes) {
  check(tensor.defined(), op_, ": `", argument, "` is missing, expected ", names(axes));
  check(tensor.dtype() == dtype, op_, ": `", argument, "` is ", tensor.dtype(), ", expected ",
        dtype);
  if (first_.empty()) device_ = tensor.device();
  check_axes(argument, tensor, axes);
}

void ShapeCheck::check_axes(std::string_view argument, const Tensor& tensor,
                            const std::vector<std::string>& axes) {
  check(tensor.device() == device_, op_, ": `", argument, "` is on ", tensor.device(),
        ", expected ", device_);
  check(tensor.rank() == static_cast<int>(axes.size()), op_, ": `", argument, "` has ",
        tensor.rank(), " axes, expected ", axes.size(), "\n  expected  ", argument, " ",
        names(axes), "\n  received  ", argument, " = ", tensor.shape());
  Shape expected = tensor.shape();
  std::optional<Axis> culprit;
  for (int i = 0; i < tensor.rank(); ++i) {
    const Axis* axis = find(axes[i]);
    if (!axis) {
      axes_.push_back(
          {axes[i], tensor.size(i), std::string(argument) + " " + names(axes), tensor.shape()});
    } else if (axis->size != tensor.size(i)) {
      expected[i] = axis->size;
      if (!culprit) culprit = *axis;
    }
  }
  if (!culprit) return;
  const int axis = [&] {
    for (int i = 0;; ++i)
      if (expected[i] != tensor.size(i)) return i;
  }();
  const std::string received = str("received  ", argument), reason = culprit->reason();
  const std::string heading = str("expected  ", argument, " ", names(axes));
  throw Error(str(op_, ": axis `", culprit->name, "` of `", argument, "` is ", tensor.size(axis),
                  ", expected ", expected[axis], "\n  ", heading, " = ", expected, "\n  ", received,
                  std::string(heading.size() - received.size(), ' '), " = ", tensor.shape(),
                  reason.empty() ? "" : "\n  because   " + reason));
}

}  // namespace lw
