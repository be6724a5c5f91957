#include "gated_ema.h"

#include <cmath>
#include <vector>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/shape.h"
#include "core/parallel.h"
#include "core/shape_check.h"

using namespace lw;

void GatedEmaOptions::describe(Fields& f) {
  f.optional("memory", memory, "steps that the slowest channel remembers at first", at_least(3));
}

GatedEma::GatedEma(const GatedEmaOptions& o, const Stack& stack, const Random& random)
    : in_(child<Linear>("in",
                        LinearOptions{.in = stack.d_model, .out = 3 * stack.d_model, .bias = false},
                        random)),
      out_(child<Linear>("out", LinearOptions{.in = stack.d_model, .out = stack.d_model}, random)) {
  // a = 1 - 1/m remembers m steps, and sigmoid(log(m - 1)) = 1 - 1/m.
  gate_bias_ = parameter(
      "gate_bias", random.fork("gate_bias").uniform({stack.d_model}, 0, std::log(o.memory - 1)),
      Role::ssm_dt);
}

Output GatedEma::forward(const Variable& x, const State& state, const Context& context) const {
  check(state.size() <= 1, "gated_ema: expected a state of 1 tensor, received ", state.size());
  const int64_t d = x.size(-1), time = x.size(1);
  const auto [u, v, z] = split<3>(in_(x), {d, d, d});  // [batch, time, d_model] each
  const Variable h = gated_average(sigmoid(u + gate_bias_), v,
                                   state.empty() ? Variable() : state[0], context.resets);
  Output out{.y = out_(h * silu(z))};
  if (context.keep_state) out.state = {select(h, 1, time - 1)};
  return out;
}

namespace {

/// The tensors of the average, typed.
template <class T>
struct Average {
  View<const T, 3> a, v;          // [batch, time, channel]
  View<const T, 2> state;         // [batch, channel]; without data: zero
  View<const uint8_t, 2> resets;  // [batch, time]; without data: none

  Average(const Tensor& a, const Tensor& v, const Tensor& state, const Tensor& resets)
      : a(a.view<const T, 3>()), v(v.view<const T, 3>()) {
    if (state.defined()) this->state = state.view<const T, 2>();
    if (resets.defined()) this->resets = resets.view<const uint8_t, 2>();
  }

  bool forgets(int64_t b, int64_t t) const { return resets.data && resets(b, t); }

  /// h[t-1] as step t sees it.
  T before(const View<T, 3>& h, int64_t b, int64_t t, int64_t c) const {
    if (forgets(b, t)) return 0;
    if (t > 0) return h(b, t - 1, c);
    return state.data ? state(b, c) : 0;
  }
};

template <class T>
void average_forward(const Average<T>& in, const View<T, 3>& h) {
  const auto [batch, time, channels] = h.sizes;
  parallel_chunks(batch, [&, time = time, channels = channels](int64_t b) {
    for (int64_t t = 0; t < time; ++t)
      for (int64_t c = 0; c < channels; ++c) {
        const T a = in.a(b, t, c);
        h(b, t, c) = a * in.before(h, b, t, c) + (1 - a) * in.v(b, t, c);
      }
  });
}

/// With g[t] = dL/dh[t] = dh[t] + a[t+1] g[t+1]: da = g (h[t-1] - v), dv = g (1 - a).
template <class T>
void average_backward(const Average<T>& in, const View<T, 3>& h, const View<const T, 3>& dh,
                      const View<T, 3>& da, const View<T, 3>& dv, const View<T, 2>& dstate) {
  const auto [batch, time, channels] = h.sizes;
  parallel_chunks(batch, [&, time = time, channels = channels](int64_t b) {
    std::vector<T> from_later(static_cast<size_t>(channels), 0);  // a[t+1] g[t+1]
    for (int64_t t = time - 1; t >= 0; --t)
      for (int64_t c = 0; c < channels; ++c) {
        T& later = from_later[static_cast<size_t>(c)];
        const T a = in.a(b, t, c), g = dh(b, t, c) + later;
        da(b, t, c) = g * (in.before(h, b, t, c) - in.v(b, t, c));
        dv(b, t, c) = g * (1 - a);
        later = in.forgets(b, t) ? 0 : a * g;
      }
    if (dstate.data)
      for (int64_t c = 0; c < channels; ++c) dstate(b, c) = from_later[static_cast<size_t>(c)];
  });
}

}  // namespace

Variable gated_average(const Variable& a, const Variable& v, const Variable& state,
                       const Tensor& resets) {
  const Tensor av = a.value(), vv = v.value(), sv = state ? state.value() : Tensor();
  ShapeCheck shapes("gated_average");
  shapes("a", av, {"batch", "time", "channel"});
  shapes("v", vv, {"batch", "time", "channel"});
  shapes.optional("state", sv, {"batch", "channel"});
  if (resets.defined()) shapes.of(DType::u8, "resets", resets, {"batch", "time"});

  const Tensor h = Tensor::empty(av.shape(), av.dtype());
  for_float("gated_average", av.dtype(), [&]<class T>(TypeTag<T>) {
    average_forward(Average<T>(av, vv, sv, resets), h.view<T, 3>());
  });
  return Variable::from_op("gated_average", h, {a, v, state}, [=](const Tensor& dh) {
    const Tensor da = Tensor::empty(h.shape(), h.dtype()), dv = Tensor::empty(h.shape(), h.dtype());
    const Tensor dstate = sv.defined() ? Tensor::empty(sv.shape(), sv.dtype()) : Tensor();
    for_float("gated_average", h.dtype(), [&]<class T>(TypeTag<T>) {
      average_backward(Average<T>(av, vv, sv, resets), h.view<T, 3>(), dh.view<const T, 3>(),
                       da.view<T, 3>(), dv.view<T, 3>(),
                       sv.defined() ? dstate.view<T, 2>() : View<T, 2>());
    });
    return Tensors{da, dv, dstate};
  });
}
