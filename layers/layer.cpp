#include "layers/layer.h"

#include "core/error.h"

namespace lw {

Variable Layer::parameter(std::string name, const Tensor& initial, Role role, bool streamed) {
  parameters_.push_back({std::move(name), role,
                         Variable(initial.to(default_device()), /*requires_grad=*/true), streamed});
  return parameters_.back().value;
}

Tensor Layer::buffer(std::string name, const Tensor& initial) {
  buffers_.push_back({std::move(name), initial.to(default_device())});
  return buffers_.back().value;
}

void Layer::collect(const std::string& path, Parameters& parameters,
                    std::vector<Buffer>& buffers) const {
  for (const Parameter& p : parameters_)
    parameters.push_back({path + p.name, p.role, p.value, p.streamed});
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
