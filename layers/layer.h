// Layer: something with parameters. A model is a tree of layers.
//
//   class Linear final : public Layer {
//    public:
//     Linear(const LinearOptions& o, const Random& random) {
//       const Tensor initial = random.fork("weight").uniform({o.out, o.in}, -0.1, 0.1);
//       weight_ = parameter("weight", initial, Role::matrix);
//     }
//     Variable operator()(const Variable& x) const { return linear(x, weight_); }
//
//    private:
//     Variable weight_;  // [out, in]
//   };
//
// A parent owns its children and names them:
//
//   Linear& mix_ = child<Linear>("mix", options, random);
//
// The path of names is the name of a parameter in checkpoints and the key of its random stream, so
// that the initial value of a parameter depends on the seed and on its name alone, not on what else
// is in the model.
//
// A layer is abstract or final; its fields and its constructor stand in one class.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autograd/parameter.h"
#include "core/random.h"

namespace lw {

class Layer {
 public:
  Layer() = default;
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  /// Every parameter of this layer and of those below it, in the order of registration.
  Parameters parameters() const;

  /// Tensors that are no parameters but belong to the model: the running averages of batch norm.
  struct Buffer {
    std::string name;
    Tensor value;  ///< a handle: writing through it changes the layer
  };
  std::vector<Buffer> buffers() const;

 protected:
  /// Registers a trainable tensor under `name`; `streamed` as in Parameter.
  Variable parameter(std::string name, const Tensor& initial, Role role, bool streamed = false);
  /// Registers a tensor that is saved with the model but not trained.
  Tensor buffer(std::string name, const Tensor& initial);

  /// Makes a layer L(options, random.fork(name)) and owns it.
  template <class L, class O>
  L& child(std::string name, const O& options, const Random& random) {
    return adopt(name, std::make_unique<L>(options, random.fork(name)));
  }
  /// Owns a layer that was made elsewhere.
  template <class L>
  L& adopt(std::string name, std::unique_ptr<L> layer) {
    L& reference = *layer;
    children_.emplace_back(std::move(name), std::move(layer));
    return reference;
  }

 private:
  void collect(const std::string& path, Parameters& parameters, std::vector<Buffer>& buffers) const;

  Parameters parameters_;
  std::vector<Buffer> buffers_;
  std::vector<std::pair<std::string, std::unique_ptr<Layer>>> children_;
};

}  // namespace lw
