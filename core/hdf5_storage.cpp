#include "core/hdf5_storage.h"

#include <algorithm>
#include <cstring>

namespace lw {
namespace {

/// The library's view of an open file: its own part comes first.
struct OpenFile {
  H5FD_t base{};
  Hdf5Storage* storage = nullptr;
  haddr_t allocated = 0;
  haddr_t end = 0;
};

OpenFile& self(H5FD_t* file) { return *reinterpret_cast<OpenFile*>(file); }
const OpenFile& self(const H5FD_t* file) { return *reinterpret_cast<const OpenFile*>(file); }

/// Runs f() unless something failed before; keeps what it throws.
template <class F>
void guarded(Hdf5Storage& storage, F&& f) {
  if (storage.error) return;
  try {
    f();
  } catch (...) {
    storage.error = std::current_exception();
  }
}

H5FD_t* open(const char*, unsigned, hid_t access, haddr_t) {
  const auto* info = static_cast<Hdf5Storage* const*>(H5Pget_driver_info(access));
  if (!info || (*info)->in_use) return nullptr;
  auto* file = new OpenFile;
  file->storage = *info;
  file->storage->in_use = true;
  file->end = file->storage->input ? static_cast<haddr_t>(file->storage->input->bytes()) : 0;
  return &file->base;
}

herr_t close(H5FD_t* file) {
  self(file).storage->in_use = false;
  delete &self(file);
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

haddr_t allocated(const H5FD_t* file, H5FD_mem_t) { return self(file).allocated; }
herr_t set_allocated(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  self(file).allocated = end;
  return 0;
}
haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t) { return self(file).end; }

/// Bytes beyond the end read as zeros.
herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t from, size_t size, void* to) {
  OpenFile& f = self(file);
  std::memset(to, 0, size);
  if (from >= f.end) return 0;
  const auto present = static_cast<int64_t>(std::min<haddr_t>(size, f.end - from));
  guarded(*f.storage, [&] {
    const auto offset = static_cast<int64_t>(from);
    if (f.storage->input)
      f.storage->input->read_at(offset, to, present);
    else
      f.storage->output->read_at(offset, to, present);
  });
  return f.storage->error ? -1 : 0;
}

herr_t write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t to, size_t size, const void* from) {
  OpenFile& f = self(file);
  if (!f.storage->output) return -1;
  guarded(*f.storage, [&] {
    f.storage->output->write_at(static_cast<int64_t>(to), from, static_cast<int64_t>(size));
  });
  f.end = std::max(f.end, to + size);
  return 0;
}

herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
  OpenFile& f = self(file);
  if (!f.storage->output || f.end == f.allocated) return 0;
  guarded(*f.storage, [&] { f.storage->output->truncate(static_cast<int64_t>(f.allocated)); });
  f.end = f.allocated;
  return 0;
}

hid_t driver() {
  static const hid_t id = [] {
    const H5FD_class_t driver{.name = "longwave",
                              .maxaddr = INT64_MAX,
                              .fc_degree = H5F_CLOSE_STRONG,
                              .fapl_size = sizeof(Hdf5Storage*),
                              .open = &open,
                              .close = &close,
                              .query = &query,
                              .get_eoa = &allocated,
                              .set_eoa = &set_allocated,
                              .get_eof = &end_of_file,
                              .read = &read,
                              .write = &write,
                              .truncate = &truncate,
                              .fl_map = H5FD_FLMAP_DICHOTOMY};
    return H5FDregister(&driver);
  }();
  return id;
}

}  // namespace

herr_t use_hdf5_storage(hid_t access, Hdf5Storage& storage) {
  Hdf5Storage* info = &storage;
  return H5Pset_driver(access, driver(), &info);
}

}  // namespace lw
