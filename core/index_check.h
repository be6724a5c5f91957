// check_indices: class labels and token ids that must lie in a range.
#pragma once

#include <optional>
#include <string_view>

#include "core/tensor.h"

namespace lw {

/// Requires `indices` (i64; on a GPU the host waits for them) to lie in [0, size) or equal `ignored`. Throws Error
/// (ErrorKind::data) otherwise, naming the first that does not and where it stands:
///
///     embedding: `ids` is 300 at [2, 17], expected 0 <= index < 256
///
/// In the recording of a DeviceGraph they have no values yet: whoever launches it checks what it is given.
void check_indices(std::string_view op, std::string_view argument, const Tensor& indices,
                   int64_t size, std::optional<int64_t> ignored = {});

}  // namespace lw
