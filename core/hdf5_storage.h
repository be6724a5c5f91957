// The bytes under an HDF5 file, as a file driver of the HDF5 library. Internal.
//
// The library reads and writes through core/files.h. A failed write is kept in Hdf5Storage::error
// and reported to the library as done, so that it closes the file in the ordinary way: it cannot be
// trusted with a disk error (on a full disk HDF5 1.10 reports success from close, and past a size
// limit it crashes when the process exits). The driver opens one file at a time and ignores names,
// so nothing within a file can make the library open another one.
#pragma once

#include <hdf5.h>

#include <exception>
#include <optional>

#include "core/files.h"

namespace lw {

struct Hdf5Storage {
  std::optional<OutputFile> output;  ///< exactly one of the two
  std::optional<InputFile> input;
  std::exception_ptr error;  ///< the first failure
  bool in_use = false;
};

/// Makes the file-access list `access` use `storage`, which must outlive every file opened with it.
herr_t use_hdf5_storage(hid_t access, Hdf5Storage& storage);

}  // namespace lw
