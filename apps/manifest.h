// Manifest: the file MANIFEST.json of a checkpoint, which vouches for all the others.
//
// It lists every file with its size and SHA-256, and every tensor with its place, shape, dtype and
// XXH3-128, so that a damaged file is known before the HDF5 library sees it. It is written last, so
// a checkpoint without it is incomplete. Its last line is the SHA-256 of all the bytes before that
// line; every version of the format keeps to this, so any changed byte is noticed. The text is
// canonical: equal content gives equal bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"

namespace lw {

struct Manifest {
  static constexpr int64_t current_version = 1;

  struct File {
    std::string name;  ///< within the checkpoint's folder
    int64_t bytes = 0;
    std::string sha256;
  };
  struct Tensor {
    std::string name;  ///< within the file: "/params/head.weight"
    std::string file;
    Shape shape;
    DType dtype = DType::f32;
    int64_t offset = 0;  ///< of its first byte in the file
    std::string xxh3;
    int64_t bytes() const { return shape.numel() * size_of(dtype); }
  };

  int64_t version = current_version;
  int64_t min_reader = current_version;  ///< the oldest version whose readers understand it
  int64_t step = 0;
  int64_t world_size = 1;
  std::string run_id;  ///< the name of the run's folder; what is no UTF-8 in it is kept as U+FFFD
  std::string config_sha256;
  std::string data_fingerprint;
  std::string parent;  ///< digest of the previous checkpoint's manifest, or empty
  std::vector<File> files;
  std::vector<Tensor> tensors;
  std::string digest;  ///< of the manifest itself: set by parse_manifest

  const File* find(std::string_view file) const;
};

std::string manifest_text(const Manifest& manifest);

/// Throws Error of ErrorKind::data, in the form `place: error: …`, unless `text` is a whole and
/// undamaged manifest that this version can read.
Manifest parse_manifest(std::string_view text, const std::string& place);

}  // namespace lw
