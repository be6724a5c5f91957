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
    if (const Training* now = Training::current())
      state_ = {now->step(), now->first_sample(), now->position()};
  }

  template <class F>
  auto run(F&& f) const {
    const Autocast precision(precision_);
    if (state_) {
      const Training guard(state_->step, state_->first_sample, state_->position);
      return f();
    }
    const NoTraining guard;
    return f();
  }

 private:
  struct State {  // of Training
    uint64_t step;
    int64_t first_sample;
    Tensor position;
  };
  std::optional<State> state_;
  DType precision_ = Autocast::current();
};

thread_local bool again = false;

/// While one of these lives, this thread runs something a second time, and records its graph.
class SecondRun {
 public:
  SecondRun()
      : recording_(std::exchange(NoGrad::recording(), true)), again_(std::exchange(again, true)) {}
  ~SecondRun() { NoGrad::recording() = recording_, again = again_; }
  SecondRun(const SecondRun&) = delete;

 private:
  bool recording_, again_;
};

/// Several values as the inputs of one op, whose gradients are `dys`: the graph behind all of them
/// can be walked at once. The values themselves are let go.
Variable joined(Variables ys, const Tensors& dys) {
  return Variable::from_op("checkpoint", Tensor::scalar(0), ys,
                           [dys](const Tensor&) { return dys; });
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
    Variables leaves;
    for (size_t i = 0; i < xs.size(); ++i) leaves.emplace_back(xs[i], needs_grad[i]);
    Variable all;
    {
      const SecondRun second;
      all = joined(guards.run([&] { return f(leaves); }), dys);
    }
    if (all.requires_grad()) all.backward();
    Tensors dxs;
    for (const Variable& x : leaves) dxs.push_back(x.grad());
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

bool running_again() { return again; }

}  // namespace lw
