#include "layers/layer.h"

#include "core/error.h"

namespace lw {

Variable Layer::parameter(std::string name, Tensor initial, Role role) {
  parameters_.push_back(
      {std::move(name), role, Variable(std::move(initial), /*requires_grad=*/true)});
  return parameters_.back().value;
}

Tensor Layer::buffer(std::string name, Tensor initial) {
  buffers_.push_back({std::move(name), std::move(initial)});
  return buffers_.back().value;
}

void Layer::collect(const std::string& path, Parameters& parameters,
                    std::vector<Buffer>& buffers) const {
  for (const Parameter& p : parameters_) parameters.push_back({path + p.name, p.role, p.value});
  for (const Buffer& b : buffers_) buffers.push_back({path + b.name, b.value});
  for (const auto& [name, layer] : children_)
    layer->collect(path + name + ".", parameters, buffers);
}

Parameters Layer::parameters() const {
  Parameters parameters;
  std::vector<Buffer> buffers;
  collect("", parameters, buffers);
  return parameters;
}

std::vector<Layer::Buffer> Layer::buffers() const {
  Parameters parameters;
  std::vector<Buffer> buffers;
  collect("", parameters, buffers);
  return buffers;
}

}  // namespace lw
