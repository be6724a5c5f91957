#include "core/index_check.h"

#include "core/device_graph.h"

namespace lw {

void check_indices(std::string_view op, std::string_view argument, const Tensor& indices,
                   int64_t size, std::optional<int64_t> ignored) {
  check(indices.defined() && indices.dtype() == DType::i64, op, ": `", argument, "` is ", indices,
        ", expected i64");
  if (DeviceGraph::recording(indices.device())) return;  // there is nothing to see yet
  const Tensor flat = indices.to(host).contiguous();
  const int64_t* index = flat.data<int64_t>();
  for (int64_t i = 0; i < flat.numel(); ++i) {
    if ((0 <= index[i] && index[i] < size) || index[i] == ignored) continue;
    Shape position = flat.shape();
    for (int64_t axis = position.rank() - 1, rest = i; axis >= 0; --axis) {
      const int64_t length = position[static_cast<int>(axis)];
      position[static_cast<int>(axis)] = rest % length, rest /= length;
    }
    throw Error(str(op, ": `", argument, "` is ", index[i], " at ", position, ", expected 0 <= ",
                    "index < ", size, ignored ? str(", or ", *ignored, " for none") : ""),
                ErrorKind::data);
  }
}

}  // namespace lw
