// A small checkpoint with one of everything, for the tests of checkpoints.
#pragma once

#include <gtest/gtest.h>

#include <cstring>

#include "apps/checkpoint.h"
#include "core/parallel.h"

namespace lw {

inline Tensor sample_tensor(const Shape& shape, double first, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& value : values) value = first++;
  return Tensor::from(shape, values).to(dtype);
}

inline CheckpointContent sample_content(int64_t step) {
  set_num_threads(1);  // the tests fork
  CheckpointContent content;
  content.step = step;
  content.config = "name: sample\nmodel:\n  d_model: 4\n";
  content.data_fingerprint = "digits-1";
  content.attributes = {{"arch", "s4d"}, {"tokens", int64_t{4096}}};
  const auto x = static_cast<double>(step);
  for (int i = 0; i < 10; ++i) {
    const std::string name = "layers." + std::to_string(i) + ".weight";
    content.params[name] = {sample_tensor({4, 3}, x + i), {{"role", "matrix"}, {"decay", true}}};
    content.optimizer.tensors[name] = {{"exp_avg", sample_tensor({4, 3}, x)},
                                       {"exp_avg_sq", sample_tensor({4, 3}, 2 * x)}};
  }
  content.params["lambda"] = {sample_tensor({5}, x, DType::c64), {{"role", "ssm_a"}}};
  content.params["half"] = {sample_tensor({2, 2}, x, DType::bf16), {}};
  content.buffers["count"] = {sample_tensor({}, x, DType::i64), {}};
  content.optimizer.type = "adamw";
  content.optimizer.attributes = {{"steps", step}};
  content.optimizer.groups = {{{"lr", 1e-3}, {"weight_decay", 0.05}}, {{"lr", 1e-4}}};
  content.state["rng"].attributes = {{"seed", int64_t{7}}, {"scheme", "philox-v1"}};
  content.state["loader"].attributes = {{"epoch", int64_t{2}}};
  content.state["loader"].tensors["carry"] = sample_tensor({3}, x, DType::i32);
  return content;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0;
}

inline void expect_same(const CheckpointContent& a, const CheckpointContent& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.config, b.config);
  EXPECT_EQ(a.data_fingerprint, b.data_fingerprint);
  EXPECT_EQ(a.attributes, b.attributes);
  const auto same = [](const auto& x, const auto& y, auto equal) {
    ASSERT_EQ(x.size(), y.size());
    for (auto i = x.begin(), j = y.begin(); i != x.end(); ++i, ++j) {
      EXPECT_EQ(i->first, j->first);
      equal(i->second, j->second);
    }
  };
  const auto tensors = [](const Tensor& x, const Tensor& y) { EXPECT_TRUE(same_bits(x, y)); };
  const auto stored = [](const StoredTensor& x, const StoredTensor& y) {
    EXPECT_TRUE(same_bits(x.value, y.value));
    EXPECT_EQ(x.attributes, y.attributes);
  };
  same(a.params, b.params, stored);
  same(a.buffers, b.buffers, stored);
  EXPECT_EQ(a.optimizer.type, b.optimizer.type);
  EXPECT_EQ(a.optimizer.attributes, b.optimizer.attributes);
  EXPECT_EQ(a.optimizer.groups, b.optimizer.groups);
  same(a.optimizer.tensors, b.optimizer.tensors,
       [&](const auto& x, const auto& y) { same(x, y, tensors); });
  same(a.state, b.state, [&](const StateGroup& x, const StateGroup& y) {
    EXPECT_EQ(x.attributes, y.attributes);
    same(x.tensors, y.tensors, tensors);
  });
}

inline const char* const checkpoint_files[] = {"MANIFEST.json", "model.h5", "optim-0000-of-0001.h5",
                                               "state.h5"};

}  // namespace lw
