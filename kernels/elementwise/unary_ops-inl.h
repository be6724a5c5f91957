// The functions of one number: one struct each, named in elementwise.h.
//
// value(x) is the function. The slope is given in the cheapest form there is: slope() where it is
// constant, slope_at_output(y) where y = value(x) determines it, else slope_at(x). The backward
// pass then reads, and memory holds, no more than that needs.
//
// This text has no includes and no namespace. It is included inside one where T has arithmetic,
// select(condition, a, b) and the functions of <cmath>: T = Lanes<D> on a CPU, a number elsewhere.

struct Neg {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return -x;
  }
  template <class T>
  LW_HOST_DEVICE static T slope() {
    return T(-1);
  }
};

struct Abs {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return fabs(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    return select(x > T(0), T(1), select(x < T(0), T(-1), T(0)));
  }
};

struct Square {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return x * x;
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    return x + x;
  }
};

struct Sqrt {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return sqrt(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return T(0.5) / y;
  }
};

/// 1 / sqrt(x)
struct Rsqrt {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return T(1) / sqrt(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return T(-0.5) * y * y * y;
  }
};

struct Reciprocal {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return T(1) / x;
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return -y * y;
  }
};

struct Exp {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return exp(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return y;
  }
};

struct Expm1 {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return expm1(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return y + T(1);
  }
};

struct Log {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return log(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    return T(1) / x;
  }
};

struct Log1p {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return log1p(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    return T(1) / (T(1) + x);
  }
};

struct Sin {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return sin(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    return cos(x);
  }
};

struct Cos {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return cos(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    return -sin(x);
  }
};

struct Tanh {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return tanh(x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return T(1) - y * y;
  }
};

/// 1 / (1 + e^-x)
struct Sigmoid {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return T(1) / (T(1) + exp(-x));
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return y * (T(1) - y);
  }
};

/// max(x, 0); NaN stays NaN.
struct Relu {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return select(x < T(0), T(0), x);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at_output(T y) {
    return select(y > T(0), T(1), T(0));
  }
};

/// x Phi(x), Phi the distribution function of N(0, 1)
struct Gelu {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    const T half = T(0.5) * x;
    return fma(half, erf(T(0.70710678118654752) * x), half);
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    const T Phi = fma(T(0.5), erf(T(0.70710678118654752) * x), T(0.5));
    const T density = T(0.39894228040143268) * exp(T(-0.5) * x * x);
    return fma(x, density, Phi);
  }
};

/// x (1 + tanh u) / 2 = x sigmoid(2 u) with 2 u = sqrt(8 / pi) (x + 0.044715 x^3)
struct GeluTanh {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    const T twice_u = x * fma(T(0.071354816272600249), x * x, T(1.5957691216057308));
    return x / (T(1) + exp(-twice_u));
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    const T twice_u = x * fma(T(0.071354816272600249), x * x, T(1.5957691216057308));
    const T inner = x * fma(T(0.21406444881780073), x * x, T(1.5957691216057308));
    const T s = T(1) / (T(1) + exp(-twice_u));
    return fma(s * (T(1) - s), inner, s);
  }
};

/// x sigmoid(x)
struct Silu {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return x / (T(1) + exp(-x));
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    const T s = T(1) / (T(1) + exp(-x));
    return fma(x, s * (T(1) - s), s);
  }
};

/// log(1 + e^x), and x itself above 20
struct Softplus {
  template <class T>
  LW_HOST_DEVICE static T value(T x) {
    return select(x > T(20), x, log1p(exp(x)));
  }
  template <class T>
  LW_HOST_DEVICE static T slope_at(T x) {
    return select(x > T(20), T(1), T(1) / (T(1) + exp(-x)));
  }
};

/// x held within [low, high]; NaN stays NaN. The slope is 1 on the bounds too.
struct Clamp {
  double low, high;
  template <class T>
  LW_HOST_DEVICE T value(T x) const {
    return select(x < T(low), T(low), select(x > T(high), T(high), x));
  }
  template <class T>
  LW_HOST_DEVICE T slope_at(T x) const {
    return select(x < T(low), T(0), select(x > T(high), T(0), T(1)));
  }
};

/// x^exponent
struct Pow {
  double exponent, unused;
  template <class T>
  LW_HOST_DEVICE T value(T x) const {
    return pow(x, T(exponent));
  }
  template <class T>
  LW_HOST_DEVICE T slope_at(T x) const {
    if (exponent == 0) return T(0);  // at 0 too
    return T(exponent) * pow(x, T(exponent - 1));
  }
};
