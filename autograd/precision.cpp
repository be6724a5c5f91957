#include "autograd/precision.h"

namespace lw {
namespace {
thread_local DType current_precision = DType::f32;
}

Autocast::Autocast(DType precision) : before_(current_precision) {
  check(precision == DType::f32 || precision == DType::bf16,
        "Autocast: expected f32 or bf16, received ", precision);
  current_precision = precision;
}

Autocast::~Autocast() { current_precision = before_; }

DType Autocast::current() { return current_precision; }

}  // namespace lw
