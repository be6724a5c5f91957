#include "autograd/ops/s4_readout.h"

#define EIGEN_DONT_PARALLELIZE  // threads come from core/parallel.h alone
#include <Eigen/Dense>
#include <bit>
#include <vector>

#include "core/parallel.h"
#include "core/shape_check.h"

namespace lw {
namespace {

using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using Eigen::VectorXd;

/// Arguments, or their gradients, in f64 and c128, in the host's memory.
struct System {
  Tensor dt, lambda, P, readout;

  int64_t channels() const { return lambda.size(0); }
  int64_t states() const { return lambda.size(1); }
  int64_t rank() const { return P ? P.size(0) : 0; }
};

/// One channel in the real coordinates (Re x; Im x) of the half state. There
///   A = [Re lambda, -Im lambda; Im lambda, Re lambda] - 2 sum_r p_r p_r^T,  p_r = (Re P_r; Im P_r),
/// and Re(C x) = c (Re x; Im x) with the row c = (Re C, -Im C).
class Channel {
 public:
  Channel(const System& system, int64_t h, int64_t length)
      : h_(h), N_(system.states()), dt_(system.dt.view<const double, 1>()(h)) {
    const auto lambda = system.lambda.view<const complex128, 2>();
    A_ = MatrixXd::Zero(2 * N_, 2 * N_);
    for (int64_t n = 0; n < N_; ++n) {
      A_(n, n) = A_(n + N_, n + N_) = lambda(h, n).real();
      A_(n, n + N_) = -lambda(h, n).imag();
      A_(n + N_, n) = lambda(h, n).imag();
    }
    for (int64_t r = 0; r < system.rank(); ++r) {
      VectorXd p(2 * N_);
      for (int64_t n = 0; n < N_; ++n) {
        const complex128 value = system.P.view<const complex128, 3>()(r, h, n);
        p[n] = value.real();
        p[n + N_] = value.imag();
      }
      A_ -= 2 * p * p.transpose();
      p_.push_back(p);
    }
    // (I - X)^{-1} (I + X) = 2 (I - X)^{-1} - I
    const MatrixXd I = MatrixXd::Identity(2 * N_, 2 * N_);
    inverse_ = (I - dt_ / 2 * A_).partialPivLu().solve(I);
    Abar_ = 2 * inverse_ - I;
    raise(length);
  }

  /// I + sign Abar^length
  MatrixXd factor(double sign) const { return MatrixXd::Identity(2 * N_, 2 * N_) + sign * power_; }

  RowVectorXd row(const Tensor& readout) const {
    const auto C = readout.view<const complex128, 2>();
    RowVectorXd c(2 * N_);
    for (int64_t n = 0; n < N_; ++n) {
      c[n] = C(h_, n).real();
      c[n + N_] = -C(h_, n).imag();
    }
    return c;
  }
  void set_row(const RowVectorXd& c, const Tensor& readout) const {
    const auto C = readout.view<complex128, 2>();
    for (int64_t n = 0; n < N_; ++n) C(h_, n) = {c[n], -c[n + N_]};
  }

  /// From the gradient of Abar^length to those of dt, lambda and P.
  void backward(MatrixXd dM, const System& out) const {
    MatrixXd dAbar = MatrixXd::Zero(2 * N_, 2 * N_);
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      if (step->squared) {
        dM = (dM * step->before.transpose() + step->before.transpose() * dM).eval();
      } else {
        dAbar += step->before.transpose() * dM;
        dM = (dM * Abar_.transpose()).eval();
      }
    }
    dAbar += dM;
    const MatrixXd dX = 2 * inverse_.transpose() * dAbar * inverse_.transpose();  // X = dt A / 2
    const MatrixXd dA = dt_ / 2 * dX;
    out.dt.view<double, 1>()(h_) = 0.5 * dX.cwiseProduct(A_).sum();
    for (int64_t n = 0; n < N_; ++n)
      out.lambda.view<complex128, 2>()(h_, n) = {dA(n, n) + dA(n + N_, n + N_),
                                                 dA(n + N_, n) - dA(n, n + N_)};
    for (size_t r = 0; r < p_.size(); ++r) {
      const VectorXd dp = -2 * (dA + dA.transpose()) * p_[r];
      for (int64_t n = 0; n < N_; ++n)
        out.P.view<complex128, 3>()(static_cast<int64_t>(r), h_, n) = {dp[n], dp[n + N_]};
    }
  }

 private:
  struct Step {
    bool squared;  // else multiplied by Abar
    MatrixXd before;
  };

  /// power_ = Abar^length, by the binary digits of the length from the second highest on.
  void raise(int64_t length) {
    power_ = Abar_;
    for (int bit = std::bit_width(static_cast<uint64_t>(length)) - 2; bit >= 0; --bit) {
      steps_.push_back({true, power_});
      power_ = (power_ * power_).eval();
      if ((length >> bit & 1) == 0) continue;
      steps_.push_back({false, power_});
      power_ = (power_ * Abar_).eval();
    }
  }

  int64_t h_, N_;
  double dt_;
  MatrixXd A_, inverse_, Abar_, power_;
  std::vector<VectorXd> p_;
  std::vector<Step> steps_;
};

System in_double(const System& in) {
  const auto wide = [](const Tensor& t) { return t ? t.to(host).to(DType::c128) : t; };
  return {in.dt.to(host).to(DType::f64), wide(in.lambda), wide(in.P), wide(in.readout)};
}
System empty_like(const System& in) {
  const auto like = [](const Tensor& t) { return t ? Tensor::empty_like(t) : t; };
  return {like(in.dt), like(in.lambda), like(in.P), like(in.readout)};
}

/// A readout times W = I + sign Abar^length, or times its inverse.
struct Conversion {
  const char* op;
  const char* argument;
  double sign;
  bool inverse;
};
constexpr Conversion plain{"s4_readout", "Ct", -1, true};
constexpr Conversion truncated{"s4_truncated_readout", "C", -1, false};
constexpr Conversion doubled{"s4_doubled_readout", "Ct", 1, false};

Tensor convert(const Conversion& how, const System& in, int64_t length) {
  Tensor result = Tensor::empty_like(in.readout);
  parallel_for(in.channels(), 1, [&](int64_t h, int64_t) {
    const Channel channel(in, h, length);
    const RowVectorXd c = channel.row(in.readout);
    const MatrixXd W = channel.factor(how.sign);
    channel.set_row(how.inverse ? RowVectorXd(W.transpose().partialPivLu().solve(c.transpose()))
                                : RowVectorXd(c * W),
                    result);
  });
  return result;
}

/// `result` is what convert() gave, `d` its gradient.
System convert_backward(const Conversion& how, const System& in, int64_t length,
                        const Tensor& result, const Tensor& d) {
  const System out = empty_like(in);
  parallel_for(in.channels(), 1, [&](int64_t h, int64_t) {
    const Channel channel(in, h, length);
    const MatrixXd W = channel.factor(how.sign);
    const RowVectorXd dc = channel.row(d);
    if (how.inverse) {  // c' = c W^{-1}: dc = dc' W^{-T}, dW = -c'^T dc
      const VectorXd dgiven = W.partialPivLu().solve(dc.transpose());
      channel.backward(-how.sign * channel.row(result).transpose() * dgiven.transpose(), out);
      channel.set_row(dgiven.transpose(), out.readout);
    } else {  // c' = c W: dc = dc' W^T, dW = c^T dc'
      channel.backward(how.sign * channel.row(in.readout).transpose() * dc, out);
      channel.set_row(dc * W.transpose(), out.readout);
    }
  });
  return out;
}

Variable converted(const Conversion& how, const Variable& dt, const Variable& lambda,
                   const Variable& P, const Variable& readout, int64_t length) {
  const System given{dt.value(), lambda.value(), P ? P.value() : Tensor(), readout.value()};
  ShapeCheck shapes(how.op);
  shapes("dt", given.dt, {"channel"});
  const DType dtype = given.dt.dtype(), complex = complex_of(dtype);
  shapes.of(complex, "lambda", given.lambda, {"channel", "state"});
  if (P) shapes.of(complex, "P", given.P, {"rank", "channel", "state"});
  shapes.of(complex, how.argument, given.readout, {"channel", "state"});
  check(length >= 1, how.op, ": expected a length of at least 1, received ", length);

  const System in = in_double(given);
  const Tensor result = convert(how, in, length);
  const auto back = [device = given.dt.device()](const Tensor& t, DType to) {
    return t ? t.to(to).to(device) : t;
  };
  return Variable::from_op(
      how.op, back(result, complex), {dt, lambda, P, readout}, [=](const Tensor& d) {
        const System g = convert_backward(how, in, length, result, d.to(host).to(DType::c128));
        return Tensors{back(g.dt, dtype), back(g.lambda, complex), back(g.P, complex),
                       back(g.readout, complex)};
      });
}

}  // namespace

Variable s4_readout(const Variable& dt, const Variable& lambda, const Variable& P,
                    const Variable& Ct, int64_t length) {
  return converted(plain, dt, lambda, P, Ct, length);
}

Variable s4_truncated_readout(const Variable& dt, const Variable& lambda, const Variable& P,
                              const Variable& C, int64_t length) {
  return converted(truncated, dt, lambda, P, C, length);
}

Variable s4_doubled_readout(const Variable& dt, const Variable& lambda, const Variable& P,
                            const Variable& Ct, int64_t length) {
  return converted(doubled, dt, lambda, P, Ct, length);
}

}  // namespace lw
