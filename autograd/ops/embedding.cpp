#include "autograd/ops/embedding.h"

#include "core/index_check.h"
#include "core/shape_check.h"
#include "kernels/embedding/embedding.h"

namespace lw {

Variable embedding(const Variable& table, const Tensor& ids) {
  ShapeCheck shapes("embedding");
  shapes("table", table ? table.value() : Tensor(), {"vocabulary", "d"});
  check_indices("embedding", "ids", ids, shapes["vocabulary"]);
  const int64_t d = shapes["d"];
  const Tensor flat = ids.reshape({ids.numel()}).contiguous();
  Tensor y = Tensor::empty({flat.numel(), d}, table.dtype(), table.device());
  kernels::embedding_forward(table.value(), flat, y);
  return Variable::from_op("embedding", y.reshape(ids.shape().inserted(ids.rank(), d)), {table},
                           [flat, shape = table.shape()](const Tensor& dy) {
                             Tensor dtable = Tensor::empty(shape, dy.dtype(), dy.device());
                             kernels::embedding_backward(dy.rows(), flat, dtable);
                             return Tensors{dtable};
                           });
}

}  // namespace lw
