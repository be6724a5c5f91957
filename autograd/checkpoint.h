// checkpoint: a part of a graph that keeps its inputs only, and runs again in the backward pass.
//
//   Variable y = checkpoint([&](const Variable& x) { return block(x); }, x);
//
// Value: f(inputs), to the bit. Gradient: that of f, which is evaluated a second time, so f must be
// a function of its inputs and of leaves (parameters) alone: what was computed outside and carries
// a gradient has to come in through `inputs`. Parameters that f uses receive their gradients as
// usual; on_gradient hooks of one used in several checkpointed parts run once for each. May be
// nested.
// Cost: one more forward pass of f. Memory: between the two passes only `inputs` are held; during
// the backward pass, the graph of one f.
// Determinism: the second run has the Training and Autocast guards of the first: dropout draws the
// same mask, products round alike, and what a training pass counts, as batch norm its averages, is
// counted once (running_again()). The gradients have the bits of the plain run, with one
// exception: where f uses an input several times and the code after f uses it too, the same terms
// are added with other brackets.
// Chen, Xu, Zhang & Guestrin 2016, "Training deep nets with sublinear memory cost",
// arXiv:1604.06174.
#pragma once

#include <functional>

#include "autograd/variable.h"

namespace lw {

/// f(inputs), remembering only `inputs`. Under NoGrad it is f(inputs) and nothing more.
Variables checkpoint(const std::function<Variables(const Variables&)>& f, const Variables& inputs);

/// The same for a function of one input and one output.
Variable checkpoint(const std::function<Variable(const Variable&)>& f, const Variable& input);

/// Whether this thread runs a function again whose first run is done: an op that updates something
/// besides its value, as batch norm its running averages, leaves it alone now.
bool running_again();

}  // namespace lw
