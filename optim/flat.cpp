#include "optim/flat.h"

#include <algorithm>
#include <set>

namespace lw {
namespace {

/// The trainable parameters, each once, by role.
Parameters in_layout_order(const Parameters& parameters) {
  Parameters chosen;
  std::set<std::string> names;
  for (const Parameter& p : parameters) {
    const bool seen = std::any_of(chosen.begin(), chosen.end(), [&](const Parameter& other) {
      return other.value.same_as(p.value);
    });
    if (seen || !p.value.requires_grad()) continue;
    check(names.insert(p.name).second, "optimizer: two parameters are called `", p.name, "`");
    const DType dtype = p.value.dtype();
    check(dtype == DType::f32 || dtype == DType::f64, "optimizer: parameter `", p.name, "` is ",
          p.value.value(), ", expected f32 or f64; keep a complex parameter as two real ones");
    check(chosen.empty() || chosen[0].value.dtype() == dtype, "optimizer: parameter `", p.name,
          "` has dtype ", dtype, ", those before it ",
          chosen.empty() ? dtype : chosen[0].value.dtype());
    chosen.push_back(p);
  }
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const Parameter& a, const Parameter& b) { return a.role < b.role; });
  return chosen;
}

}  // namespace

FlatParameters::FlatParameters(const Parameters& parameters) {
  const Parameters ordered = in_layout_order(parameters);
  const DType dtype = ordered.empty() ? DType::f32 : ordered[0].value.dtype();
  const Device device = ordered.empty() ? Device() : ordered[0].value.device();
  const int64_t line = 64 / size_of(dtype);
  int64_t size = 0;
  for (const Parameter& p : ordered) {
    entries_.push_back({p, size});
    if (groups_.empty() || groups_.back().role != p.role) groups_.push_back({p.role, size, size});
    size += (p.value.value().numel() + line - 1) / line * line;
    groups_.back().end = size;
  }
  values_ = Tensor::zeros({size}, dtype, device);
  gradients_ = Tensor::zeros({size}, dtype, device);
  for (Entry& entry : entries_) {
    Tensor value = view(values_, entry);
    value.copy_from(entry.parameter.value.value());
    entry.parameter.value.set_value(value);
    entry.parameter.value.bind_grad(view(gradients_, entry));
  }
}

Tensor FlatParameters::view(const Tensor& flat, const Entry& entry) const {
  const Shape& shape = entry.parameter.value.shape();
  return flat.slice(0, entry.offset, entry.offset + shape.numel()).reshape(shape);
}

void FlatParameters::clear_gradients() {
  for (Entry& entry : entries_) entry.parameter.value.clear_grad();
}

void FlatParameters::zero_gradients() {
  gradients_.fill(0);
  for (Entry& entry : entries_)
    entry.parameter.value.bind_grad(view(gradients_, entry), /*holds=*/true);
}

void FlatParameters::complete_gradients() {
  for (const Entry& entry : entries_) {
    const Variable& p = entry.parameter.value;
    if (!p.grad().defined()) p.backward(Tensor::zeros_like(p.value()));
  }
}

}  // namespace lw
