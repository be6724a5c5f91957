// HDF5 files of tensors: what checkpoints are made of, and what h5py reads.
//
// The writer makes one contiguous dataset a tensor (little-endian, row-major), fixed-length UTF-8
// strings, groups, and attributes, in the format with checksummed metadata (HDF5 1.8 and later). It
// records no times and nothing of the machine: equal content gives equal files, byte for byte. f32,
// f64, i32, i64 and u8 are the standard types; bf16 is a 16-bit float that h5py converts by itself;
// c64 and c128 are the compound {r, i} that h5py shows as complex. A bool is h5py's enumeration.
//
// The reader trusts no file. It walks one component of a path at a time and follows hard links
// alone; it knows groups and contiguous datasets of the types above, at most 8 axes, and refuses
// all else (soft and external links, external or virtual storage, filters, chunks, other types). A
// shape is checked against the bytes that the file really holds before anything is allocated. No
// file but the one named is ever opened, no plugin loaded, no lock taken.
//
// Neither lets an error of the disk into the HDF5 library: bytes go through core/files.h, and the
// first failure is thrown at the end of the call that met it.
//
// Errors: Error of ErrorKind::disk from the writer and ErrorKind::data from the reader, naming the
// file and the object in it. Thread-safe across objects, not for one. Reference: the HDF5 file
// format specification, version 3.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/files.h"
#include "core/tensor.h"

namespace lw {

using Attribute = std::variant<bool, int64_t, double, std::string>;
using Attributes = std::map<std::string, Attribute>;

/// Whether an attribute can be this text: at most 60,000 bytes, without NUL.
bool fits_attribute(std::string_view text);

/// A new file, complete and on disk only after finish(). Paths within it are like "/params/w"; the
/// groups on the way are made.
class Hdf5Writer {
 public:
  /// The file must not exist.
  explicit Hdf5Writer(const Path& path);
  /// Without finish(), the file stays incomplete: whoever named it removes it.
  ~Hdf5Writer();

  void group(const std::string& name);
  void tensor(const std::string& name, const Tensor& tensor);
  /// A scalar fixed-length UTF-8 string; no NUL within.
  void text(const std::string& name, std::string_view text);
  /// Attributes of a group or dataset that is there already; "/" is the root.
  void attributes(const std::string& name, const Attributes& attributes);

  /// Writes what is left, waits for the disk and closes. Throws if anything was not written.
  void finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// A tensor within a file, before it is read.
struct Hdf5Dataset {
  std::string name;  ///< the whole path: "/params/w"
  Shape shape;
  DType dtype = DType::f32;
  int64_t offset = 0;  ///< of its first byte in the file; its elements follow without a gap
};

class Hdf5Reader {
 public:
  explicit Hdf5Reader(const Path& path, Links links = Links::follow);
  ~Hdf5Reader();

  bool contains(const std::string& name) const;
  std::vector<std::string> groups(const std::string& name = "/") const;  ///< names within a group
  /// Every tensor within the group `name`, and within the groups in it; sorted by path.
  std::vector<Hdf5Dataset> datasets(const std::string& name = "/") const;

  Hdf5Dataset dataset(const std::string& name) const;
  Tensor tensor(const std::string& name) const;
  /// The same, but refused before anything is allocated unless shape and dtype are these.
  Tensor tensor(const std::string& name, const Shape& shape, DType dtype) const;
  std::string text(const std::string& name) const;
  Attributes attributes(const std::string& name) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lw
