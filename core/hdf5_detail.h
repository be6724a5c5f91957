// What the HDF5 reader and writer share: handles, errors, types. Internal.
#pragma once

#include <hdf5.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "core/hdf5_storage.h"

namespace lw::hdf5 {

/// Held during every call into the HDF5 library. The first one prepares the library: no exit
/// handler, no external links, no plugins. Each silences the library's own messages.
class Session {
 public:
  Session();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// An identifier of the library, closed when its owner goes.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() { close(); }

  operator hid_t() const { return id_; }
  /// Negative if the library reports a failure.
  herr_t close() {
    const hid_t id = std::exchange(id_, H5I_INVALID_HID);
    return id < 0 ? 0 : close_(id);
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  herr_t (*close_)(hid_t) = nullptr;
};

/// The library's own words on its last failure; the most specific of them.
std::string last_reason();

/// A file and how to speak of its failures.
struct File {
  Path path;
  ErrorKind kind;  ///< disk while writing, data while reading
  Hdf5Storage storage;
  Handle id;  // closed before the storage goes

  [[noreturn]] void fail(const std::string& text) const {
    throw Error(str(path.string(), ": error: ", text), kind);
  }
  /// `result` of a call of the library, which is negative if it failed; throws what the disk said,
  /// if it said anything.
  template <class T>
  T checked(T result, const char* action, const std::string& name = "") const {
    if (storage.error) std::rethrow_exception(storage.error);
    if (result < 0)
      fail(str("cannot ", action, name.empty() ? "" : " " + name, ": ", last_reason()));
    return result;
  }
  Handle checked(Handle handle, const char* action, const std::string& name = "") const {
    checked(static_cast<hid_t>(handle), action, name);
    return handle;
  }
};

/// The type of `dtype` in files, which is its type in memory too.
Handle type_of(DType dtype);
Handle text_type(size_t bytes);
Handle bool_type();  ///< h5py's enumeration of FALSE and TRUE

/// "/a/b" or "a/b" as {"a", "b"}; {} is the root. Throws Error on empty components and on ".".
std::vector<std::string> components(const std::string& name);

}  // namespace lw::hdf5
