// The element types of a tensor, and the step from a run-time DType to a C++ type.
#pragma once

#include <bit>
#include <complex>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "core/host_device.h"

namespace lw {

/// A brain float: the upper half of an IEEE single. Conversion rounds to nearest even; NaN stays
/// NaN.
struct bfloat16 {
  uint16_t bits = 0;

  bfloat16() = default;
  LW_HOST_DEVICE explicit bfloat16(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    bits = (u & 0x7fffffffu) > 0x7f800000u
               ? static_cast<uint16_t>((u >> 16) | 0x40u)
               : static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  LW_HOST_DEVICE explicit operator float() const {
    return std::bit_cast<float>(uint32_t{bits} << 16);
  }
};

using complex64 = std::complex<float>;    ///< two floats
using complex128 = std::complex<double>;  ///< two doubles

enum class DType : uint8_t { f32, f64, bf16, c64, c128, i32, i64, u8 };

template <class T>
inline constexpr bool is_element_type = false;
template <class T>
inline constexpr DType dtype_of = DType::u8;
#define LW_ELEMENT_TYPE(type, tag)                    \
  template <>                                         \
  inline constexpr bool is_element_type<type> = true; \
  template <>                                         \
  inline constexpr DType dtype_of<type> = DType::tag;
LW_ELEMENT_TYPE(float, f32)
LW_ELEMENT_TYPE(double, f64)
LW_ELEMENT_TYPE(bfloat16, bf16)
LW_ELEMENT_TYPE(complex64, c64)
LW_ELEMENT_TYPE(complex128, c128)
LW_ELEMENT_TYPE(int32_t, i32)
LW_ELEMENT_TYPE(int64_t, i64)
LW_ELEMENT_TYPE(uint8_t, u8)
#undef LW_ELEMENT_TYPE

/// Bytes of one element.
constexpr int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::i64:
    case DType::c64:
      return 8;
    case DType::c128:
      return 16;
    case DType::bf16:
      return 2;
    case DType::u8:
      return 1;
    default:
      return 4;
  }
}

/// The name used in configs, checkpoints and messages: "f32", "bf16", ...
constexpr std::string_view name_of(DType dtype) {
  constexpr std::string_view names[] = {"f32", "f64", "bf16", "c64", "c128", "i32", "i64", "u8"};
  return names[static_cast<int>(dtype)];
}
inline std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

constexpr bool is_complex(DType dtype) { return dtype == DType::c64 || dtype == DType::c128; }
constexpr bool is_floating(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16;
}
/// The real type of the same precision: c64 -> f32, c128 -> f64; others map to themselves.
constexpr DType real_of(DType dtype) {
  return dtype == DType::c64 ? DType::f32 : dtype == DType::c128 ? DType::f64 : dtype;
}
/// The complex type of the same precision: f32 -> c64, f64 -> c128.
constexpr DType complex_of(DType dtype) { return dtype == DType::f64 ? DType::c128 : DType::c64; }

/// Stands for a type as a value: `decltype(tag)::type`.
template <class T>
struct TypeTag {
  using type = T;
};

/// Calls f(TypeTag<T>()) with T = float or double. Other dtypes are refused in the name of `op`.
template <class F>
decltype(auto) for_float(std::string_view op, DType dtype, F&& f) {
  if (dtype == DType::f32) return f(TypeTag<float>());
  if (dtype == DType::f64) return f(TypeTag<double>());
  throw Error(str(op, ": expected dtype f32 or f64, received ", dtype));
}

/// Calls f(TypeTag<T>()) with the C++ type of any dtype.
template <class F>
decltype(auto) for_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(TypeTag<float>());
    case DType::f64:
      return f(TypeTag<double>());
    case DType::bf16:
      return f(TypeTag<bfloat16>());
    case DType::c64:
      return f(TypeTag<complex64>());
    case DType::c128:
      return f(TypeTag<complex128>());
    case DType::i32:
      return f(TypeTag<int32_t>());
    case DType::i64:
      return f(TypeTag<int64_t>());
    case DType::u8:
      return f(TypeTag<uint8_t>());
  }
  throw Error("for_dtype: not a dtype");
}

}  // namespace lw
