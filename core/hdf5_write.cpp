#include <set>

#include "core/hdf5.h"
#include "core/hdf5_detail.h"

namespace lw {
namespace {

using hdf5::Handle;
using hdf5::Session;

/// What fits beside the object header that holds it.
constexpr size_t longest_attribute = 60000;

Handle scalar_space() { return {H5Screate(H5S_SCALAR), &H5Sclose}; }

Handle space_of(const Shape& shape) {
  if (shape.rank() == 0) return scalar_space();
  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  return {H5Screate_simple(shape.rank(), sizes.data(), nullptr), &H5Sclose};
}

/// Creation properties without times, and so without anything that differs from run to run.
Handle untimed(hid_t cls) {
  Handle properties(H5Pcreate(cls), &H5Pclose);
  H5Pset_obj_track_times(properties, false);
  return properties;
}

}  // namespace

bool fits_attribute(std::string_view text) {
  return text.size() <= longest_attribute && text.find('\0') == text.npos;
}

class Hdf5Writer::Impl {
 public:
  explicit Impl(const Path& path) : file_{path, ErrorKind::disk, {}, {}} {
    file_.storage.output.emplace(path);
    const Session session;
    Handle access(H5Pcreate(H5P_FILE_ACCESS), &H5Pclose);
    file_.checked(use_hdf5_storage(access, file_.storage), "create the file");
    file_.checked(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST),
                  "create the file");
    file_.id = file_.checked(
        Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, untimed(H5P_FILE_CREATE), access), &H5Fclose),
        "create the file");
  }

  ~Impl() {
    const Session session;
    file_.id.close();
  }

  void group(const std::string& name) {
    const Session session;
    std::string path;
    for (const std::string& part : hdf5::components(name)) {
      path += "/" + part;
      if (!groups_.insert(path).second) continue;
      file_.checked(Handle(H5Gcreate2(file_.id, path.c_str(), H5P_DEFAULT,
                                      untimed(H5P_GROUP_CREATE), H5P_DEFAULT),
                           &H5Gclose),
                    "create the group", path);
    }
  }

  void dataset(const std::string& name, hid_t type, const Shape& shape, const void* data) {
    const Session session;
    const std::vector<std::string> parts = hdf5::components(name);
    check(!parts.empty(), "HDF5: `", name, "` cannot name a dataset");
    std::string path;
    for (size_t i = 0; i + 1 < parts.size(); ++i) path += "/" + parts[i];
    group(path.empty() ? "/" : path);
    path += "/" + parts.back();

    const Handle properties = untimed(H5P_DATASET_CREATE);
    file_.checked(H5Pset_layout(properties, H5D_CONTIGUOUS), "create", path);
    file_.checked(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER), "create", path);
    const Handle set =
        file_.checked(Handle(H5Dcreate2(file_.id, path.c_str(), type, space_of(shape), H5P_DEFAULT,
                                        properties, H5P_DEFAULT),
                             &H5Dclose),
                      "create", path);
    if (shape.numel() > 0)
      file_.checked(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), "write", path);
  }

  void attribute(hid_t object, const std::string& owner, const std::string& name,
                 const Attribute& value) {
    const auto put = [&](const Handle& type, const void* data) {
      const Handle attribute = file_.checked(
          Handle(H5Acreate2(object, name.c_str(), type, scalar_space(), H5P_DEFAULT, H5P_DEFAULT),
                 &H5Aclose),
          "create the attribute", owner + "@" + name);
      file_.checked(H5Awrite(attribute, type, data), "write the attribute", owner + "@" + name);
    };
    if (const auto* flag = std::get_if<bool>(&value)) {
      const int8_t stored = *flag;
      put(hdf5::bool_type(), &stored);
    } else if (const auto* integer = std::get_if<int64_t>(&value)) {
      put(hdf5::type_of(DType::i64), integer);
    } else if (const auto* number = std::get_if<double>(&value)) {
      put(hdf5::type_of(DType::f64), number);
    } else {
      const std::string& text = std::get<std::string>(value);
      check(text.size() <= longest_attribute, "HDF5: attribute `", name, "` of ", owner, " has ",
            text.size(), " bytes, expected at most ", longest_attribute);
      check(text.find('\0') == text.npos, "HDF5: attribute `", name, "` of ", owner,
            " has a NUL in its text");
      put(hdf5::text_type(std::max<size_t>(text.size(), 1)), text.c_str());
    }
  }

  void attributes(const std::string& name, const Attributes& attributes) {
    const Session session;
    std::string path = "/";
    for (const std::string& part : hdf5::components(name)) path += (path == "/" ? "" : "/") + part;
    const Handle object = file_.checked(
        Handle(H5Oopen(file_.id, path.c_str(), H5P_DEFAULT), &H5Oclose), "open", path);
    for (const auto& [key, value] : attributes) attribute(object, path, key, value);
  }

  void finish() {
    {
      const Session session;
      file_.checked(file_.id.close(), "finish the file");
    }
    file_.storage.output->sync();
    file_.storage.output->close();
  }

 private:
  hdf5::File file_;
  std::set<std::string> groups_;
};

Hdf5Writer::Hdf5Writer(const Path& path) : impl_(std::make_unique<Impl>(path)) {}
Hdf5Writer::~Hdf5Writer() = default;

void Hdf5Writer::group(const std::string& name) { impl_->group(name); }

void Hdf5Writer::tensor(const std::string& name, const Tensor& tensor) {
  check(tensor.defined(), "HDF5: the tensor for `", name, "` is undefined");
  const Tensor flat = tensor.to(host).contiguous();
  const Session session;
  impl_->dataset(name, hdf5::type_of(flat.dtype()), flat.shape(), flat.raw());
}

void Hdf5Writer::text(const std::string& name, std::string_view text) {
  check(text.find('\0') == text.npos, "HDF5: the text for `", name, "` has a NUL in it");
  const Session session;
  const std::string copy(text);  // ends in a NUL, so that an empty text has its one byte
  impl_->dataset(name, hdf5::text_type(std::max<size_t>(text.size(), 1)), {}, copy.c_str());
}

void Hdf5Writer::attributes(const std::string& name, const Attributes& attributes) {
  impl_->attributes(name, attributes);
}

void Hdf5Writer::finish() { impl_->finish(); }

}  // namespace lw
