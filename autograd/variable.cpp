#include "autograd/variable.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>
#include <utility>

#include "autograd/profile.h"
#include "kernels/accumulate/accumulate.h"

namespace lw {

struct Variable::Impl {
  Tensor value;
  bool requires_grad = false;

  // Of a leaf.
  Tensor grad;
  bool has_grad = false;  // grad may be bound memory whose contents are stale
  bool bound = false;
  std::function<void(const Tensor&)> hook;

  // Of the result of an op.
  std::shared_ptr<Node> node;
  size_t output = 0;

  void accumulate(const Tensor& gradient);
};

struct Variable::Node {
  /// Where the gradient of one input goes. An input that an op made is known by that op, not by its
  /// value: values live as long as a gradient, or the user, holds them.
  struct Input {
    std::shared_ptr<Node> node;  // that made it: output number `output` ...
    size_t output = 0;
    std::shared_ptr<Impl> leaf;  // ... or the leaf; neither if it needs no gradient
    DType dtype = DType::f32;
    Shape shape;
  };

  uint64_t id;  // later ops have larger ids
  const char* name;
  std::vector<Input> inputs;
  Gradients gradients;
  Tensors output_grads;

  Node() = default;
  Node(const Node&) = delete;
  /// Lets go of the graph behind it one op at a time: as deep as a graph is long, no stack would be enough.
  ~Node() {
    std::vector<std::shared_ptr<Node>> makers;
    const auto take = [&makers](Node& node) {
      for (Input& input : node.inputs)
        if (input.node) makers.push_back(std::move(input.node));
    };
    take(*this);
    while (!makers.empty()) {
      const std::shared_ptr<Node> maker = std::move(makers.back());
      makers.pop_back();
      if (maker.use_count() == 1) take(*maker);
    }
  }
};

namespace {

/// sum += gradient; shares the memory of the first term, and writes in place only into its own.
void add_to(Tensor& sum, const Tensor& gradient) {
  if (!sum.defined()) {
    sum = gradient;
  } else if (sum.is_unique() && sum.is_contiguous()) {
    kernels::accumulate(gradient, sum);
  } else {
    Tensor copy = sum.clone();
    kernels::accumulate(gradient, copy);
    sum = copy;
  }
}

thread_local const Training* current_training = nullptr;

}  // namespace

void Variable::Impl::accumulate(const Tensor& gradient) {
  if (bound) {
    has_grad ? kernels::accumulate(gradient, grad) : grad.copy_from(gradient);
  } else {
    if (!has_grad) grad = Tensor();
    add_to(grad, gradient);
  }
  has_grad = true;
}

Variable::Variable(Tensor value, bool requires_grad) {
  if (!value.defined()) return;
  check(!requires_grad || is_floating(value.dtype()) || is_complex(value.dtype()),
        "Variable: a tensor of dtype ", value.dtype(), " cannot require a gradient");
  impl_ = std::make_shared<Impl>();
  impl_->value = std::move(value);
  impl_->requires_grad = requires_grad;
}

Variable Variable::from_op(const char* name, Tensor value, const Variables& inputs,
                           Gradient gradient) {
  return from_op(
      name, Tensors{std::move(value)}, inputs,
      [gradient = std::move(gradient)](const Tensors& dys) { return gradient(dys[0]); })[0];
}

Variables Variable::from_op(const char* name, Tensors values, const Variables& inputs,
                            Gradients gradients) {
  static std::atomic<uint64_t> next_id{0};
  Variables results;
  for (Tensor& value : values) results.emplace_back(std::move(value));
  Profile::mark(name, Profile::Pass::forward);
  const auto needs_grad = [](const Variable& v) { return v.defined() && v.requires_grad(); };
  if (!NoGrad::recording() || std::none_of(inputs.begin(), inputs.end(), needs_grad))
    return results;

  auto node = std::make_shared<Node>();
  node->id = next_id++;
  node->name = name;
  for (const Variable& input : inputs) {
    const std::shared_ptr<Impl>& impl = input.impl_;
    if (!needs_grad(input))
      node->inputs.emplace_back();
    else
      node->inputs.push_back({.node = impl->node,
                              .output = impl->output,
                              .leaf = impl->node ? nullptr : impl,
                              .dtype = input.dtype(),
                              .shape = input.shape()});
  }
  node->gradients = std::move(gradients);
  node->output_grads.resize(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].defined()) continue;
    results[i].impl_->requires_grad = true;
    results[i].impl_->node = node;
    results[i].impl_->output = i;
  }
  return results;
}

const Tensor& Variable::value() const {
  check(defined(), "Variable: this variable is undefined");
  return impl_->value;
}

bool Variable::requires_grad() const { return impl_ && impl_->requires_grad; }

const char* Variable::op_name() const { return impl_ && impl_->node ? impl_->node->name : "leaf"; }

void Variable::set_value(Tensor value) {
  check(defined() && !impl_->node, "Variable::set_value: only a leaf can be given a value");
  check(value.defined() && value.shape() == shape(), "Variable::set_value: expected ", impl_->value,
        ", received ", value);
  if (value.dtype() != dtype()) impl_->grad = Tensor(), impl_->has_grad = impl_->bound = false;
  impl_->value = std::move(value);
}

void Variable::backward(const Tensor& seed) const {
  check(requires_grad(), "backward: nothing that this value depends on requires a gradient");
  check(seed.defined() || value().numel() == 1, "backward: give the gradient of a value of shape ",
        shape());
  check(!seed.defined() ||
            (seed.shape() == shape() && seed.dtype() == dtype() && seed.device() == device()),
        "backward: expected a gradient like the value, ", value(), ", received ", seed);
  const Tensor start = seed.defined() ? seed : Tensor::full(shape(), 1, dtype(), device());
  if (!impl_->node) return impl_->accumulate(start);

  // Every op this value depends on, latest first.
  std::vector<std::shared_ptr<Node>> nodes{impl_->node};
  std::unordered_set<const Node*> seen{impl_->node.get()};
  for (size_t i = 0; i < nodes.size(); ++i) {
    check(nodes[i]->gradients != nullptr, "backward: the graph behind `", nodes[i]->name,
          "` was freed by an earlier backward pass; compute the value again");
    // By index: the vector grows.
    for (size_t k = 0; k < nodes[i]->inputs.size(); ++k) {
      const std::shared_ptr<Node>& maker = nodes[i]->inputs[k].node;
      if (maker && seen.insert(maker.get()).second) nodes.push_back(maker);
    }
  }
  std::sort(nodes.begin(), nodes.end(), [](const auto& a, const auto& b) { return a->id > b->id; });

  // A leaf with a hook is complete once the last op that uses it, the earliest created, is done.
  std::unordered_set<const Impl*> hooked;
  std::vector<std::vector<std::shared_ptr<Impl>>> completed(nodes.size());
  for (size_t i = nodes.size(); i-- > 0;)
    for (const auto& input : nodes[i]->inputs)
      if (input.leaf && input.leaf->hook && hooked.insert(input.leaf.get()).second)
        completed[i].push_back(input.leaf);

  impl_->node->output_grads[impl_->output] = start;
  for (size_t i = 0; i < nodes.size(); ++i) {
    Node& node = *nodes[i];
    const Tensors dys = std::exchange(node.output_grads, Tensors(node.output_grads.size()));
    const Gradients gradients = std::exchange(node.gradients, nullptr);
    const auto inputs = std::exchange(node.inputs, {});
    if (std::any_of(dys.begin(), dys.end(), [](const Tensor& dy) { return dy.defined(); })) {
      Tensors dxs = gradients(dys);
      Profile::mark(node.name, Profile::Pass::backward);
      check(dxs.size() == inputs.size(), "backward: `", node.name, "` gave ", dxs.size(),
            " gradients for ", inputs.size(), " inputs");
      for (size_t k = 0; k < inputs.size(); ++k) {
        const Node::Input& input = inputs[k];
        if (!(input.node || input.leaf) || !dxs[k].defined()) continue;
        check(dxs[k].shape() == input.shape && dxs[k].dtype() == input.dtype, "backward: `",
              node.name, "` gave ", dxs[k], " as the gradient of input ", k, ", which is ",
              input.dtype, ' ', input.shape);
        const Tensor dx = std::move(dxs[k]);
        if (input.node) {
          add_to(input.node->output_grads[input.output], dx);
        } else {
          input.leaf->accumulate(dx);
        }
      }
    }
    for (const auto& leaf : completed[i])
      if (leaf->has_grad) leaf->hook(leaf->grad);
    nodes[i].reset();
    Profile::mark("sum of gradients", Profile::Pass::backward);
  }
}

Tensor Variable::grad() const { return impl_ && impl_->has_grad ? impl_->grad : Tensor(); }

void Variable::clear_grad() {
  if (!impl_) return;
  impl_->has_grad = false;
  if (!impl_->bound) impl_->grad = Tensor();
}

void Variable::bind_grad(Tensor memory, bool holds) {
  check(memory.defined() && memory.shape() == shape() && memory.dtype() == dtype(),
        "Variable::bind_grad: expected ", value(), ", received ", memory);
  impl_->grad = std::move(memory);
  impl_->bound = true;
  impl_->has_grad = holds;
}

void Variable::on_gradient(std::function<void(const Tensor&)> hook) {
  check(defined() && !impl_->node, "Variable::on_gradient: only a leaf has a gradient to wait for");
  impl_->hook = std::move(hook);
}

Tensors values_of(const Variables& variables) {
  Tensors values;
  for (const Variable& v : variables) values.push_back(v.defined() ? v.value() : Tensor());
  return values;
}

bool& NoGrad::recording() {
  thread_local bool on = true;
  return on;
}

Training::Training(uint64_t step, int64_t first_sample, Tensor position)
    : step_(step),
      first_sample_(first_sample),
      position_(std::move(position)),
      before_(current_training) {
  current_training = this;
}

Training::~Training() { current_training = before_; }

NoTraining::NoTraining() : before_(std::exchange(current_training, nullptr)) {}

NoTraining::~NoTraining() { current_training = before_; }

const Training* Training::current() { return current_training; }

}  // namespace lw
