#include <algorithm>
#include <optional>

#include "core/hdf5.h"
#include "core/hdf5_detail.h"

namespace lw {
namespace {

using hdf5::Handle;
using hdf5::Session;

constexpr size_t deepest_path = 16;
constexpr size_t most_objects = 1'000'000;

/// A dataset that passed every check.
struct Checked {
  Hdf5Dataset tensor;
  bool is_text = false;
  int64_t bytes = 0;
};

}  // namespace

class Hdf5Reader::Impl {
 public:
  Impl(const Path& path, Links links) : file_{path, ErrorKind::data, {}, {}} {
    file_.storage.input.emplace(path, links);
    const Session session;
    Handle access(H5Pcreate(H5P_FILE_ACCESS), &H5Pclose);
    file_.checked(use_hdf5_storage(access, file_.storage), "open the file");
    file_.id =
        file_.checked(Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), &H5Fclose), "open it");
  }

  ~Impl() {
    const Session session;
    file_.id.close();
  }

  /// The object at `name`, reached by hard links alone, or a handle below 0 if a component of it is
  /// not there.
  Handle find(const std::string& name) const {
    Handle object =
        file_.checked(Handle(H5Gopen2(file_.id, "/", H5P_DEFAULT), &H5Gclose), "open /");
    for (const std::string& part : hdf5::components(name)) {
      if (H5Iget_type(object) != H5I_GROUP) return {};
      if (file_.checked(H5Lexists(object, part.c_str(), H5P_DEFAULT), "look for", name) == 0)
        return {};
      H5L_info_t link;
      file_.checked(H5Lget_info(object, part.c_str(), &link, H5P_DEFAULT), "look at", name);
      if (link.type != H5L_TYPE_HARD)
        file_.fail(str(name, ": `", part, "` is a soft or external link, which is not followed"));
      object = file_.checked(Handle(H5Oopen(object, part.c_str(), H5P_DEFAULT), &H5Oclose), "open",
                             name);
      const H5I_type_t type = H5Iget_type(object);
      if (type != H5I_GROUP && type != H5I_DATASET)
        file_.fail(str(name, ": `", part, "` is neither a group nor a dataset"));
    }
    return object;
  }

  Handle open(const std::string& name) const {
    Handle object = find(name);
    if (object < 0) file_.fail(str(name, ": no such object in the file"));
    return object;
  }
  Handle open_group(const std::string& name) const {
    Handle object = open(name);
    if (H5Iget_type(object) != H5I_GROUP) file_.fail(str(name, ": expected a group"));
    return object;
  }

  Checked checked_dataset(const std::string& name) const {
    const Handle set = open(name);
    if (H5Iget_type(set) != H5I_DATASET) file_.fail(str(name, ": expected a dataset, is a group"));
    check_storage(name, set);

    Checked result;
    const Handle type =
        file_.checked(Handle(H5Dget_type(set), &H5Tclose), "read the type of", name);
    const int64_t element = type_bytes(name, type, result);
    result.tensor.name = name.starts_with('/') ? name : "/" + name;
    result.tensor.shape = shape_of(name, set);
    if (result.is_text && result.tensor.shape.rank() != 0)
      file_.fail(str(name, ": an array of texts, expected a single one"));

    int64_t bytes = element;
    for (const int64_t size : result.tensor.shape)
      if (__builtin_mul_overflow(bytes, size, &bytes))
        file_.fail(str(name, ": the shape ", result.tensor.shape, " is too large"));
    result.bytes = bytes;
    const hsize_t stored = H5Dget_storage_size(set);
    if (stored != static_cast<hsize_t>(bytes))
      file_.fail(str(name, ": the shape ", result.tensor.shape, " takes ", bytes,
                     " bytes, but the file holds ", stored));
    if (bytes == 0) return result;
    const haddr_t offset = H5Dget_offset(set);
    const auto end = static_cast<haddr_t>(file_.storage.input->bytes());
    if (offset == HADDR_UNDEF || offset > end || static_cast<haddr_t>(bytes) > end - offset)
      file_.fail(str(name, ": its bytes lie beyond the end of the file"));
    result.tensor.offset = static_cast<int64_t>(offset);
    return result;
  }

  // In the library's own order: asked for a sorted list, HDF5 1.10 frees memory that it never set
  // when the group is damaged.
  std::vector<std::string> names(const std::string& group) const {
    const Handle object = open_group(group);
    std::vector<std::string> names;
    const auto add = [](hid_t, const char* name, const H5L_info_t*, void* to) -> herr_t {
      auto& list = *static_cast<std::vector<std::string>*>(to);
      list.emplace_back(name);
      return list.size() > most_objects ? -1 : 0;
    };
    file_.checked(H5Literate(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &names),
                  "list the group", group);
    for (const std::string& name : names)
      if (name.empty() || name == "." || name.find('/') != name.npos)
        file_.fail(str(group, ": `", name, "` is not a name of an object"));
    std::sort(names.begin(), names.end());
    return names;
  }

  void collect(const std::string& group, size_t depth, std::vector<Hdf5Dataset>& to) const {
    if (depth > deepest_path) file_.fail(str(group, ": groups nested too deeply, or in a circle"));
    for (const std::string& name : names(group)) {
      const std::string path = (group == "/" ? "" : group) + "/" + name;
      if (to.size() >= most_objects) file_.fail("too many datasets");
      if (H5Iget_type(open(path)) == H5I_GROUP) {
        collect(path, depth + 1, to);
      } else if (Checked found = checked_dataset(path); !found.is_text) {
        to.push_back(std::move(found.tensor));
      }
    }
  }

  Attribute attribute(const Handle& object, const std::string& owner,
                      const std::string& name) const {
    const std::string place = owner + "@" + name;
    const Handle attribute =
        file_.checked(Handle(H5Aopen(object, name.c_str(), H5P_DEFAULT), &H5Aclose), "open", place);
    const Handle space = file_.checked(Handle(H5Aget_space(attribute), &H5Sclose), "read", place);
    if (H5Sget_simple_extent_type(space) != H5S_SCALAR)
      file_.fail(str(place, ": expected a single value"));
    const Handle type = file_.checked(Handle(H5Aget_type(attribute), &H5Tclose), "read", place);
    const auto read = [&](void* to) { file_.checked(H5Aread(attribute, type, to), "read", place); };
    if (H5Tequal(type, hdf5::type_of(DType::i64)) > 0) {
      int64_t value = 0;
      read(&value);
      return value;
    }
    if (H5Tequal(type, hdf5::type_of(DType::f64)) > 0) {
      double value = 0;
      read(&value);
      return value;
    }
    if (H5Tequal(type, hdf5::bool_type()) > 0) {
      int8_t value = 0;
      read(&value);
      return value != 0;
    }
    if (!is_fixed_text(type))
      file_.fail(str(place, ": expected an i64, an f64, a bool or a fixed-length string"));
    std::string text(H5Tget_size(type), '\0');
    read(text.data());
    return without_padding(text);
  }

  Attributes attributes(const std::string& name) const {
    const Handle object = open(name);
    std::vector<std::string> keys;
    const auto add = [](hid_t, const char* key, const H5A_info_t*, void* to) -> herr_t {
      static_cast<std::vector<std::string>*>(to)->emplace_back(key);
      return 0;
    };
    file_.checked(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, add, &keys),
                  "list the attributes of", name);
    Attributes result;
    for (const std::string& key : keys) result.emplace(key, attribute(object, name, key));
    return result;
  }

  /// The bytes of a dataset, which pass by the HDF5 library.
  void read(const Checked& set, void* to) const {
    file_.storage.input->read_at(set.tensor.offset, to, set.bytes);
  }

  static std::string without_padding(std::string text) {
    text.resize(std::min(text.find('\0'), text.size()));
    return text;
  }

  const hdf5::File& file() const { return file_; }

 private:
  /// Only bytes that lie in this file, in one piece and as they are.
  void check_storage(const std::string& name, const Handle& set) const {
    const Handle properties =
        file_.checked(Handle(H5Dget_create_plist(set), &H5Pclose), "look at", name);
    if (H5Pget_layout(properties) != H5D_CONTIGUOUS)
      file_.fail(str(name, ": expected contiguous storage, is chunked, compact or virtual"));
    if (H5Pget_external_count(properties) != 0)
      file_.fail(str(name, ": its bytes are in another file, which is not opened"));
    if (H5Pget_nfilters(properties) != 0) file_.fail(str(name, ": it has filters, expected none"));
  }

  bool is_fixed_text(const Handle& type) const {
    return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
           H5Tget_size(type) <= static_cast<size_t>(file_.storage.input->bytes());
  }

  /// Sets the dtype, or that it is a text; the bytes of one element.
  int64_t type_bytes(const std::string& name, const Handle& type, Checked& result) const {
    if (is_fixed_text(type)) {
      result.is_text = true;
      return static_cast<int64_t>(H5Tget_size(type));
    }
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::c64, DType::c128,
                              DType::i32, DType::i64, DType::u8}) {
      if (H5Tequal(type, hdf5::type_of(dtype)) <= 0) continue;
      result.tensor.dtype = dtype;
      return size_of(dtype);
    }
    file_.fail(str(
        name, ": its type is none of f32, f64, bf16, c64, c128, i32, i64, u8 and fixed string"));
  }

  Shape shape_of(const std::string& name, const Handle& set) const {
    const Handle space = file_.checked(Handle(H5Dget_space(set), &H5Sclose), "look at", name);
    const H5S_class_t kind = H5Sget_simple_extent_type(space);
    if (kind == H5S_SCALAR) return {};
    const int rank = H5Sget_simple_extent_ndims(space);
    if (kind != H5S_SIMPLE || rank < 1 || rank > Shape::max_rank)
      file_.fail(str(name, ": expected at most ", Shape::max_rank, " axes, received ", rank));
    hsize_t sizes[Shape::max_rank];
    file_.checked(H5Sget_simple_extent_dims(space, sizes, nullptr), "read the shape of", name);
    std::vector<int64_t> shape;
    for (int axis = 0; axis < rank; ++axis) {
      if (sizes[axis] > INT64_MAX) file_.fail(str(name, ": axis ", axis, " is too large"));
      shape.push_back(static_cast<int64_t>(sizes[axis]));
    }
    return Shape(shape);
  }

  hdf5::File file_;
};

Hdf5Reader::Hdf5Reader(const Path& path, Links links)
    : impl_(std::make_unique<Impl>(path, links)) {}
Hdf5Reader::~Hdf5Reader() = default;

bool Hdf5Reader::contains(const std::string& name) const {
  const Session session;
  return impl_->find(name) >= 0;
}

std::vector<std::string> Hdf5Reader::groups(const std::string& name) const {
  const Session session;
  std::vector<std::string> groups = impl_->names(name);
  std::erase_if(groups, [&](const std::string& child) {
    return H5Iget_type(impl_->open(name == "/" ? child : name + "/" + child)) != H5I_GROUP;
  });
  return groups;
}

std::vector<Hdf5Dataset> Hdf5Reader::datasets(const std::string& name) const {
  const Session session;
  std::vector<Hdf5Dataset> result;
  impl_->collect(name, 0, result);
  return result;
}

Hdf5Dataset Hdf5Reader::dataset(const std::string& name) const {
  const Session session;
  const Checked found = impl_->checked_dataset(name);
  if (found.is_text) impl_->file().fail(str(name, ": a text, expected a tensor"));
  return found.tensor;
}

Tensor Hdf5Reader::tensor(const std::string& name) const {
  const Hdf5Dataset found = dataset(name);
  return tensor(name, found.shape, found.dtype);
}

Tensor Hdf5Reader::tensor(const std::string& name, const Shape& shape, DType dtype) const {
  const Session session;
  const Checked found = impl_->checked_dataset(name);
  if (found.is_text || found.tensor.shape != shape || found.tensor.dtype != dtype)
    impl_->file().fail(
        str(name, ": expected ", dtype, " ", shape, ", the file has ",
            found.is_text ? "a text" : str(found.tensor.dtype, " ", found.tensor.shape)));
  Tensor result = Tensor::empty(shape, dtype, host);
  impl_->read(found, result.raw());
  return result;
}

std::string Hdf5Reader::text(const std::string& name) const {
  const Session session;
  const Checked found = impl_->checked_dataset(name);
  if (!found.is_text) impl_->file().fail(str(name, ": a tensor, expected a text"));
  std::string text(static_cast<size_t>(found.bytes), '\0');
  impl_->read(found, text.data());
  return Impl::without_padding(text);
}

Attributes Hdf5Reader::attributes(const std::string& name) const {
  const Session session;
  return impl_->attributes(name);
}

}  // namespace lw
