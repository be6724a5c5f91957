#include "core/hdf5_detail.h"

#include <bit>
#include <cstdint>

namespace lw::hdf5 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and are read and written without conversion");

std::recursive_mutex& library_mutex() {
  static auto* mutex = new std::recursive_mutex;  // never destroyed: threads may outlive main
  return *mutex;
}

Handle bf16_type() {
  Handle type(H5Tcopy(H5T_IEEE_F32LE), &H5Tclose);
  H5Tset_fields(type, 15, 7, 8, 0, 7);  // sign, exponent (8 bits from 7), mantissa (7 bits from 0)
  H5Tset_size(type, sizeof(bfloat16));
  H5Tset_ebias(type, 127);
  return type;
}

Handle complex_type(hid_t part, size_t bytes) {
  Handle type(H5Tcreate(H5T_COMPOUND, 2 * bytes), &H5Tclose);
  H5Tinsert(type, "r", 0, part);
  H5Tinsert(type, "i", bytes, part);
  return type;
}

}  // namespace

Session::Session() : lock_(library_mutex()) {
  static std::once_flag once;
  std::call_once(once, [] {
    H5dont_atexit();
    H5open();
    H5PLset_loading_state(0);
    H5Lunregister(H5L_TYPE_EXTERNAL);
  });
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string last_reason() {
  std::string reason = "the HDF5 library gives no reason";
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* to) -> herr_t {
        if (n == 0 && error->desc) *static_cast<std::string*>(to) = error->desc;
        return 0;
      },
      &reason);
  return reason;
}

Handle type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return {H5Tcopy(H5T_IEEE_F32LE), &H5Tclose};
    case DType::f64:
      return {H5Tcopy(H5T_IEEE_F64LE), &H5Tclose};
    case DType::bf16:
      return bf16_type();
    case DType::c64:
      return complex_type(H5T_IEEE_F32LE, sizeof(float));
    case DType::c128:
      return complex_type(H5T_IEEE_F64LE, sizeof(double));
    case DType::i32:
      return {H5Tcopy(H5T_STD_I32LE), &H5Tclose};
    case DType::i64:
      return {H5Tcopy(H5T_STD_I64LE), &H5Tclose};
    case DType::u8:
      return {H5Tcopy(H5T_STD_U8LE), &H5Tclose};
  }
  throw Error("HDF5: not a dtype");
}

Handle text_type(size_t bytes) {
  Handle type(H5Tcopy(H5T_C_S1), &H5Tclose);
  H5Tset_size(type, bytes);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

Handle bool_type() {
  Handle type(H5Tenum_create(H5T_STD_I8LE), &H5Tclose);
  int8_t value = 0;
  H5Tenum_insert(type, "FALSE", &value);
  value = 1;
  H5Tenum_insert(type, "TRUE", &value);
  return type;
}

std::vector<std::string> components(const std::string& name) {
  std::vector<std::string> parts;
  size_t begin = name.starts_with('/') ? 1 : 0;
  if (begin == name.size()) return parts;
  while (begin <= name.size()) {
    const size_t end = std::min(name.find('/', begin), name.size());
    parts.push_back(name.substr(begin, end - begin));
    check(!parts.back().empty() && parts.back() != "." &&
              parts.back().find('\0') == std::string::npos,
          "HDF5: `", name, "` is not a path within a file");
    begin = end + 1;
  }
  return parts;
}

}  // namespace lw::hdf5
