// FlatParameters: the parameters of a model, and their gradients, laid out in one buffer each.
//
// Everything that treats all parameters alike (the update, the norm of the gradients, averaging,
// all-reduce) is then one pass over one array. The Variables of the model are rebound to views of
// the buffers, so the model sees every update and backward() accumulates in place.
//
// Layout: by role in the order of Role, and within a role in the order of registration; it depends
// on the model alone, not on the settings of the optimizer. Every parameter starts at a multiple of
// 64 bytes; the gaps are zero. A Variable listed under two names counts once, under the first; one
// that requires no gradient is left out.
// Errors: a parameter that is not f32 or f64, parameters of mixed dtypes, and a name used twice
// throw Error.
#pragma once

#include <vector>

#include "autograd/parameter.h"

namespace lw {

/// A handle: copies share the buffers.
class FlatParameters {
 public:
  /// Copies the values into a flat buffer and rebinds the variables to it.
  explicit FlatParameters(const Parameters& parameters);

  struct Entry {
    Parameter parameter;
    int64_t offset;  ///< in elements
  };
  /// The parameters of one role: elements [begin, end) of the buffers.
  struct Group {
    Role role;
    int64_t begin, end;
  };

  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Group>& groups() const { return groups_; }
  const Tensor& values() const { return values_; }        ///< every parameter, one axis
  const Tensor& gradients() const { return gradients_; }  ///< laid out in the same way

  /// The part of a buffer of this layout that belongs to a parameter, in the parameter's shape.
  Tensor view(const Tensor& flat, const Entry& entry) const;
  /// A new buffer of this layout, filled with zeros.
  Tensor zeros() const { return Tensor::zeros_like(values_); }

  /// Starts the next step: no parameter has a gradient.
  void clear_gradients();
  /// The same, but what comes is added to zeros from the first gradient on.
  void zero_gradients();
  /// Gives a gradient of zero to every parameter that has none, so that the buffer holds no stale
  /// values.
  void complete_gradients();

 private:
  std::vector<Entry> entries_;
  std::vector<Group> groups_;
  Tensor values_, gradients_;
};

}  // namespace lw
