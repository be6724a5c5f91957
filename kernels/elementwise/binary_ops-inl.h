// The functions of two numbers: one struct each, named in elementwise.h. See unary_ops-inl.h.
//
// value(a, b) is the function, slopes(a, b) its two partial derivatives.

template <class T>
struct Slopes {
  T a, b;
};

struct Add {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return a + b;
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T, T) {
    return {T(1), T(1)};
  }
};

struct Sub {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return a - b;
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T, T) {
    return {T(1), T(-1)};
  }
};

struct Mul {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return a * b;
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T a, T b) {
    return {b, a};
  }
};

struct Div {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return a / b;
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T a, T b) {
    const T inverse = T(1) / b;
    return {inverse, -a * inverse * inverse};
  }
};

/// The larger one, and NaN if either is NaN. Equal arguments share the gradient.
struct Maximum {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return select(a == a, select(a > b, a, b), a);
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T a, T b) {
    const T share = select(a > b, T(1), select(a == b, T(0.5), T(0)));
    return {share, T(1) - share};
  }
};

/// The smaller one, likewise.
struct Minimum {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return select(a == a, select(a < b, a, b), a);
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T a, T b) {
    const T share = select(a < b, T(1), select(a == b, T(0.5), T(0)));
    return {share, T(1) - share};
  }
};

/// a sigmoid(b): the gated linear unit
struct Glu {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return a / (T(1) + exp(-b));
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T a, T b) {
    const T s = T(1) / (T(1) + exp(-b));
    return {s, a * s * (T(1) - s)};
  }
};

/// a silu(b): the gate of Mamba
struct SiluGate {
  template <class T>
  LW_HOST_DEVICE static T value(T a, T b) {
    return a * b / (T(1) + exp(-b));
  }
  template <class T>
  LW_HOST_DEVICE static Slopes<T> slopes(T a, T b) {
    const T s = T(1) / (T(1) + exp(-b));
    return {b * s, a * fma(b, s * (T(1) - s), s)};
  }
};
