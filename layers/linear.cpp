#include "layers/linear.h"

#include <cmath>

#include "autograd/ops/linear.h"

namespace lw {

Linear::Linear(const LinearOptions& o, const Random& random) {
  check(o.in > 0 && o.out > 0, "Linear: expected positive sizes, received in = ", o.in,
        ", out = ", o.out);
  const double bound = 1 / std::sqrt(static_cast<double>(o.in));
  weight_ = parameter("weight", random.fork("weight").uniform({o.out, o.in}, -bound, bound),
                      Role::matrix, /*streamed=*/true);
  if (o.bias)
    bias_ = parameter("bias", random.fork("bias").uniform({o.out}, -bound, bound), Role::bias);
}

Variable Linear::operator()(const Variable& x) const { return linear(x, weight_, bias_); }

}  // namespace lw
