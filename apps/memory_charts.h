// The pictures of what layers remember: charts of each layer, a heat map of where they look, and a page of it all.
#pragma once

#include <string>
#include <vector>

#include "apps/layer_memory.h"
#include "apps/plot.h"

namespace lw {

/// Poles in the unit circle, kernels, memory and step sizes of a time-invariant layer; step sizes
/// along the input, memory and step sizes of a selective one.
std::vector<Chart> charts_of(const LayerMemory& memory);

/// A row for each selective layer and a column for each step of the input, of the first 512, bluer where the layer takes
/// larger steps: there it looks at the input and forgets what came before. `labels` name the columns. Long inputs go on
/// below.
std::string selection_svg(const std::vector<LayerMemory>& layers,
                          const std::vector<std::string>& labels);

/// One HTML page that needs no other file. `title` and `subtitle` say what was looked at.
std::string memory_page(const std::string& title, const std::string& subtitle,
                        const std::vector<LayerMemory>& layers,
                        const std::vector<std::string>& labels);

}  // namespace lw
