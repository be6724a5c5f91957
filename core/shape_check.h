// ShapeCheck: the shapes of an op's arguments, declared once with the names of their axes.
//
//   ShapeCheck shapes("selective_scan");
//   shapes("u", in.u, {"batch", "time", "channel"});
//   shapes("B", in.B, {"batch", "time", "state"});
//   const int64_t T = shapes["time"];
//
// The first argument that mentions an axis fixes its size; a later one that disagrees is refused,
// with both shapes and the argument that fixed the size:
//
//   selective_scan: axis `time` of `B` is 1023, expected 1024
//     expected  B [batch, time, state] = [8, 1024, 2]
//     received  B                      = [8, 1023, 2]
//     because   u [batch, time, channel] = [8, 1024, 4]
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace lw {

class ShapeCheck {
 public:
  explicit ShapeCheck(std::string_view op) : op_(op) {}

  /// Requires `tensor` to be defined, of one dtype and device with those before it, and of these
  /// axes. Throws Error otherwise.
  void operator()(std::string_view argument, const Tensor& tensor, std::vector<std::string> axes);

  /// As above; an undefined tensor is accepted.
  void optional(std::string_view argument, const Tensor& tensor, std::vector<std::string> axes);

  /// As above, but the dtype is `dtype` and not that of the other arguments.
  void of(DType dtype, std::string_view argument, const Tensor& tensor,
          std::vector<std::string> axes);

  /// Fixes the size of an axis before any argument mentions it.
  void fix(std::string_view axis, int64_t size, std::string_view reason);
  /// The same; the reason is "x [..., in] = [8, 1024, 4]": an argument with some of its axes, and its shape.
  void fix(std::string_view axis, int64_t size, std::string_view argument, const Shape& shape);

  /// The size of a named axis that some argument has fixed.
  int64_t operator[](std::string_view axis) const;

 private:
  struct Axis {
    std::string name;
    int64_t size;
    std::string because;              // an argument with its axes, or a whole reason
    std::optional<Shape> shape = {};  // of that argument; made into text only for an error

    std::string reason() const { return shape ? str(because, " = ", *shape) : because; }
  };
  const Axis* find(std::string_view axis) const;
  void check_axes(std::string_view argument, const Tensor& tensor,
                  const std::vector<std::string>& axes);

  std::string op_;
  std::vector<Axis> axes_;
  std::string first_;  // the argument that fixed dtype and device
  DType dtype_ = DType::f32;
  Device device_;
};

}  // namespace lw
