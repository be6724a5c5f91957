#include "autograd/checkpoint.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "autograd/precision.h"

namespace lw {
namespace {

/// The guards of a moment, Training and Autocast, to be put up again later.
class Guards {
 public:
  Guards() {
    if (const Training* now = Training::current()) state_ = {now->step(), now->first_sample()};
  }

  template <class F>
  auto run(F&& f) const {
    const Autocast precision(precision_);
    if (state_) {
      const Training guard(state_->first, state_->second);
      return f();
    }
    const NoTraining guard;
    return f();
  }

 private:
  std::optional<std::pair<uint64_t, int64_t>> state_;  // step and first sample of Training
  DType precision_ = Autocast::current();
};

/// While one of these lives, this thread records a graph, whatever it did before.
class Recording {
 public:
  Recording() : before_(std::exchange(NoGrad::recording(), true)) {}
  ~Recording() { NoGrad::recording() = before_; }
  Recording(const Recording&) = delete;

 private:
  bool before_;
};

/// Walks the graph behind several values at once: they are made the inputs of one op, whose
/// gradients are `dys`.
void backward(const Variables& ys, const Tensors& dys) {
  const Variable all =
      Variable::from_op("checkpoint", Tensor::scalar(0), ys, [&](const Tensor&) { return dys; });
  if (all.requires_grad()) all.backward();
}

}  // namespace

Variables checkpoint(const std::function<Variables(const Variables&)>& f, const Variables& inputs) {
  if (!NoGrad::recording()) return f(inputs);
  Tensors values;
  {
    const NoGrad no_graph;
    values = values_of(f(inputs));
  }

  std::vector<bool> needs_grad;
  for (const Variable& input : inputs) needs_grad.push_back(input.requires_grad());
  const auto gradients = [f, needs_grad, xs = values_of(inputs),
                          guards = Guards()](const Tensors& dys) {
    const Recording recording;
    Variables again;
    for (size_t i = 0; i < xs.size(); ++i) again.emplace_back(xs[i], needs_grad[i]);
    backward(guards.run([&] { return f(again); }), dys);
    Tensors dxs;
    for (const Variable& x : again) dxs.push_back(x.grad());
    dxs.emplace_back();  // of the anchor
    return dxs;
  };

  // f may use parameters though no input needs a gradient: an input of our own keeps the op alive.
  Variables kept = inputs;
  kept.emplace_back(Tensor::scalar(0), /*requires_grad=*/true);
  return Variable::from_op("checkpoint", std::move(values), kept, gradients);
}

Variable checkpoint(const std::function<Variable(const Variable&)>& f, const Variable& input) {
  return checkpoint([f](const Variables& x) { return Variables{f(x[0])}; }, Variables{input})[0];
}

}  // namespace lw
