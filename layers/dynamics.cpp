#include "layers/dynamics.h"

#define EIGEN_DONT_PARALLELIZE  // threads come from core/parallel.h alone
#include <Eigen/Eigenvalues>

#include "core/parallel.h"

namespace lw {

std::vector<complex128> eigenvalues(const double* A, int64_t N) {
  // Column-major, so it is A^T, which is in Schur form already where A is lower triangular.
  const Eigen::Map<const Eigen::MatrixXd> transposed(A, N, N);
  const Eigen::VectorXcd all = Eigen::EigenSolver<Eigen::MatrixXd>(transposed, false).eigenvalues();
  std::vector<complex128> kept;
  for (const complex128 lambda : all)
    if (lambda.imag() >= 0) kept.push_back(lambda);
  return kept;
}

Tensor sum_of_modes(const std::vector<complex128>& weights, const std::vector<complex128>& poles,
                    int64_t length) {
  const size_t modes = poles.size(), channels = modes == 0 ? 0 : weights.size() / modes;
  Tensor kernel = Tensor::empty({length, static_cast<int64_t>(channels)}, DType::f32, host);
  std::vector<double> pole_re, pole_im;
  for (const complex128 pole : poles)
    pole_re.push_back(pole.real()), pole_im.push_back(pole.imag());
  parallel_for(static_cast<int64_t>(channels), 1, [&](int64_t first, int64_t last) {
    std::vector<double> re(modes), im(modes);
    for (int64_t c = first; c < last; ++c) {
      for (size_t n = 0; n < modes; ++n) {
        const complex128 weight = weights[static_cast<size_t>(c) * modes + n];
        re[n] = weight.real(), im[n] = weight.imag();
      }
      for (int64_t l = 0; l < length; ++l) {
        double sum = 0;
        for (size_t n = 0; n < modes; ++n) {
          sum += re[n];
          const double turned = re[n] * pole_re[n] - im[n] * pole_im[n];
          im[n] = re[n] * pole_im[n] + im[n] * pole_re[n];
          re[n] = turned;
        }
        kernel.data<float>()[l * static_cast<int64_t>(channels) + c] = static_cast<float>(sum);
      }
    }
  });
  return kernel;
}

}  // namespace lw
