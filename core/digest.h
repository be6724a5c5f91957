// Digests: SHA-256 of files, against damage and tampering; XXH3-128 of tensors, against damage,
// at the speed of memory. Both as lower-case hexadecimal.
//
// The digest of a tensor covers its elements in row-major order, not its shape or dtype; pitches do
// not matter. Cost: one pass over the bytes. References: FIPS 180-4; the XXH3 specification.
#pragma once

#include <string>
#include <string_view>

#include "core/files.h"
#include "core/tensor.h"

namespace lw {

std::string sha256(std::string_view bytes);
std::string sha256_of_file(const InputFile& file);

std::string xxh3(const void* data, int64_t bytes);
std::string xxh3(const Tensor& tensor);
/// Of `bytes` bytes of the file from `offset` on.
std::string xxh3_of_file(const InputFile& file, int64_t offset, int64_t bytes);

}  // namespace lw
