// LaneTable: complex numbers of vectors of channels, for each element of the state:
// [block, state, entry, real and imaginary part, lane].
#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace lw::kernels {

template <class T>
class LaneTable {
 public:
  LaneTable(int64_t blocks, int64_t states, int64_t entries, int64_t lanes)
      : states_(states),
        entries_(entries),
        lanes_(lanes),
        data_(static_cast<size_t>(blocks * states * entries * 2 * lanes)) {}

  T* at(int64_t block, int64_t n, int64_t entry) {
    return data_.data() + ((block * states_ + n) * entries_ + entry) * 2 * lanes_;
  }
  const T* at(int64_t block, int64_t n, int64_t entry) const {
    return data_.data() + ((block * states_ + n) * entries_ + entry) * 2 * lanes_;
  }
  void set(int64_t block, int64_t n, int64_t entry, int64_t lane, std::complex<T> value) {
    T* p = at(block, n, entry) + lane;
    p[0] = value.real();
    p[lanes_] = value.imag();
  }
  std::complex<T> get(int64_t block, int64_t n, int64_t entry, int64_t lane) const {
    const T* p = at(block, n, entry) + lane;
    return {p[0], p[lanes_]};
  }

 private:
  int64_t states_, entries_, lanes_;
  std::vector<T> data_;
};

}  // namespace lw::kernels
