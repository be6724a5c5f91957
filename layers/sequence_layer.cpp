#include "layers/sequence_layer.h"

namespace lw {

SequenceLayers& sequence_layers() {
  static SequenceLayers registry("layer");
  return registry;
}

}  // namespace lw
