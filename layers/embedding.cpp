#include "layers/embedding.h"

#include "autograd/ops/embedding.h"

namespace lw {

Embedding::Embedding(const EmbeddingOptions& o, const Random& random) {
  check(o.vocabulary > 0 && o.d_model > 0,
        "Embedding: expected positive sizes, received vocabulary = ", o.vocabulary,
        ", d_model = ", o.d_model);
  table_ =
      parameter("weight", random.fork("weight").normal({o.vocabulary, o.d_model}, 0, o.deviation),
                Role::embedding, /*streamed=*/true);
}

Variable Embedding::operator()(const Tensor& ids) const { return embedding(table_, ids); }

}  // namespace lw
