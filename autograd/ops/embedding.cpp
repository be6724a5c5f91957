#include "autograd/ops/embedding.h"

#include "core/index_check.h"
#include "core/shape_check.h"
#include "kernels/embedding/embedding.h"
#include "kernels/quantize/quantize.h"

namespace lw {

Variable embedding(const Variable& table, const Tensor& ids) {
  ShapeCheck shapes("embedding");
  shapes("table", table ? table.value() : Tensor(), {"vocabulary", "d"});
  check_indices("embedding", "ids", ids, shapes["vocabulary"]);
  const int64_t d = shapes["d"];
  const Tensor flat = ids.to(table.device()).reshape({ids.numel()}).contiguous();
  const bool stored = table.dtype() == DType::bf16 || kernels::has_int8_rows(table.value());
  check(!stored || !NoGrad::recording() || !table.requires_grad(),
        "embedding: `table` is stored in ", table.dtype() == DType::bf16 ? "bf16" : "int8",
        " for inference; nothing can be differentiated through it\n  compute under NoGrad, or keep "
        "the weights in f32");
  Tensor y = Tensor::empty({flat.numel(), d}, stored ? DType::f32 : table.dtype(), table.device());
  kernels::embedding_forward(table.value(), flat, y);
  return Variable::from_op("embedding", y.reshape(ids.shape().inserted(ids.rank(), d)), {table},
                           [flat, shape = table.shape()](const Tensor& dy) {
                             Tensor dtable = Tensor::empty(shape, dy.dtype(), dy.device());
                             kernels::embedding_backward(dy.rows(), flat, dtable);
                             return Tensors{dtable};
                           });
}

}  // namespace lw
