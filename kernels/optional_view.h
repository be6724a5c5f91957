// optional_view: a view of a tensor that may be absent.
#pragma once

#include "core/tensor.h"

namespace lw::kernels {

/// `tensor.view<T, Rank>()`; data is null if it is undefined.
template <class T, int Rank>
View<T, Rank> optional_view(const Tensor& tensor) {
  return tensor ? tensor.view<T, Rank>() : View<T, Rank>();
}

}  // namespace lw::kernels
