#include "autograd/ops/krylov.h"

#include "autograd/ops/dense_scan.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/shape.h"
#include "core/shape_check.h"

namespace lw {

Variable krylov(const Variable& A, const Variable& B, const Variable& C, int64_t time) {
  ShapeCheck shapes("krylov");
  shapes("A", A.value(), {"channel", "state", "state"});
  shapes("B", B.value(), {"channel", "state"});
  shapes("C", C.value(), {"channel", "output", "state"});
  check(time >= 1, "krylov: expected a time of at least 1, received ", time);
  const int64_t channels = shapes["channel"], outputs = shapes["output"];

  int64_t r = 1;
  Variable power = A, readouts = C;  // A^r; C A^i, i < r, [channel, r output, N]
  for (; 4 * r * r <= time; r *= 2) {
    readouts = concat({readouts, matmul(readouts, power)}, 1);
    power = matmul(power, power);
  }
  const int64_t steps = (time + r - 1) / r;
  Tensor impulse = Tensor::zeros({1, steps, channels}, A.dtype(), A.device());
  if (steps > 0) impulse.slice(1, 0, 1).fill(1);
  const Variable y = dense_scan(impulse, power, B, readouts).y;  // [1, step, channel, r output]
  const Variable K = reshape(permute(reshape(y, {steps, channels, r, outputs}), {1, 3, 0, 2}),
                             {channels, outputs, steps * r});
  return steps * r == time ? K : slice(K, 2, 0, time);
}

}  // namespace lw
