// Variable: a Tensor, the op that made it, and its gradient. Reverse-mode differentiation.
//
// An op is a function that computes a value and names its gradient beside it:
//
//   Variable exp(const Variable& x) {
//     const Tensor y = ...;
//     return Variable::from_op("exp", y, {x}, [y](const Tensor& dy) { return Tensors{dy * y}; });
//   }
//
// backward() visits the ops in the reverse order of their creation, so that gradients are added up
// in a fixed order and their bits never depend on threads or timing. It frees what each op saved as
// it goes; a graph can be walked once.
//
// Complex values: the gradient of a real loss L is dL/d(re) + i dL/d(im), as in PyTorch.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/tensor.h"

namespace lw {

class Variable;
using Variables = std::vector<Variable>;

class Variable {
 public:
  /// From the gradient of the output (same shape) to the gradients of the inputs, one each, in
  /// order; an undefined Tensor means zero. An op may leave out what an input that needs no
  /// gradient would get.
  using Gradient = std::function<Tensors(const Tensor& dy)>;
  /// The same for an op of several outputs; an output that the loss does not use has an undefined
  /// gradient.
  using Gradients = std::function<Tensors(const Tensors& dys)>;

  Variable() = default;  ///< undefined: an absent argument
  /// A leaf: data, or with requires_grad a parameter. Implicit, so that an op takes a Tensor as a
  /// constant.
  Variable(Tensor value, bool requires_grad = false);  // NOLINT(google-explicit-constructor)

  /// The result of an op. Under NoGrad, or if no input requires a gradient, `gradient` is dropped.
  static Variable from_op(const char* name, Tensor value, const Variables& inputs,
                          Gradient gradient);
  static Variables from_op(const char* name, Tensors values, const Variables& inputs,
                           Gradients gradients);

  bool defined() const { return impl_ != nullptr; }
  explicit operator bool() const { return defined(); }
  const Tensor& value() const;
  const Shape& shape() const { return value().shape(); }
  int rank() const { return value().rank(); }
  int64_t size(int axis) const { return value().size(axis); }
  DType dtype() const { return value().dtype(); }
  Device device() const { return value().device(); }
  bool requires_grad() const;
  /// Name of the op that made this value; "leaf" for none.
  const char* op_name() const;

  /// The same value, cut off from the graph.
  Variable detach() const { return Variable(value()); }
  /// Replaces the value of a leaf by another of its shape. Another dtype moves the leaf to that precision, and
  /// it loses its gradient.
  void set_value(Tensor value);

  /// Adds d(this)/d(leaf) to grad() of every leaf that requires one. `seed` is the gradient of this
  /// variable; it may be left out for a single element, and is then 1.
  void backward(const Tensor& seed = {}) const;

  /// The gradient accumulated in a leaf since clear_grad(); undefined if there is none.
  Tensor grad() const;
  void clear_grad();
  /// Accumulates the gradient of this leaf in `memory` from now on, which must have its shape and
  /// dtype. `holds`: what stands there is a gradient already; else it is overwritten.
  void bind_grad(Tensor memory, bool holds = false);
  /// Calls `hook` each time a backward pass has finished adding to the gradient of this leaf.
  void on_gradient(std::function<void(const Tensor& grad)> hook);

  bool same_as(const Variable& other) const { return impl_ == other.impl_; }

 private:
  struct Impl;
  struct Node;
  explicit Variable(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<Impl> impl_;
};

/// The values of variables; undefined stays undefined.
Tensors values_of(const Variables& variables);

/// While one of these lives, this thread records no graph.
class NoGrad {
 public:
  NoGrad() : before_(recording()) { recording() = false; }
  ~NoGrad() { recording() = before_; }
  NoGrad(const NoGrad&) = delete;
  /// Whether this thread records a graph.
  static bool& recording();

 private:
  bool before_;
};

/// While one of these lives, this thread trains: dropout drops and batch norm updates its averages.
/// No layer carries a flag. The guard also names the draw: masks are functions of (seed of the
/// layer, step, sample), so that a batch split over micro-batches or ranks sees the masks of the
/// whole batch. What is recorded once, to be done at many steps and on many micro-batches, reads both from a `position`: i64
/// [step, first sample], on the device.
class Training {
 public:
  explicit Training(uint64_t step = 0, int64_t first_sample = 0, Tensor position = {});
  ~Training();
  Training(const Training&) = delete;

  static const Training* current();  ///< null outside training
  uint64_t step() const { return step_; }
  int64_t first_sample() const { return first_sample_; }  ///< index, in the global batch, of row 0
  /// Undefined: step() and first_sample() hold.
  const Tensor& position() const { return position_; }

 private:
  uint64_t step_;
  int64_t first_sample_;
  Tensor position_;
  const Training* before_;
};

/// While one of these lives, this thread does not train: an evaluation in the middle of a step.
class NoTraining {
 public:
  NoTraining();
  ~NoTraining();
  NoTraining(const NoTraining&) = delete;

 private:
  const Training* before_;
};

}  // namespace lw
