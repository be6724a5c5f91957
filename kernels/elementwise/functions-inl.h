// How the structs of unary_ops-inl.h are called, whatever they hold. This text, like theirs, is
// included inside a namespace.

/// What a function with parameters takes.
struct Numbers {
  double first = 0, second = 0;
};

template <class Op>
LW_HOST_DEVICE inline Op make(const Numbers& numbers) {
  if constexpr (std::is_empty_v<Op>) {
    return {};
  } else {
    return {numbers.first, numbers.second};
  }
}

/// The slope from the tensor that the function keeps.
template <class Op, class L>
LW_HOST_DEVICE inline L slope(const Op& op, L kept) {
  if constexpr (requires { op.template slope<L>(); }) {
    return op.template slope<L>();
  } else if constexpr (requires { op.slope_at_output(kept); }) {
    return op.slope_at_output(kept);
  } else {
    return op.slope_at(kept);
  }
}
