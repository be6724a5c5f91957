#include "core/error.h"

#include <gtest/gtest.h>

#include "core/shape_check.h"

namespace lw {
namespace {

TEST(DidYouMean, FindsANearWordAndRefusesAFarOne) {
  EXPECT_EQ(did_you_mean("d_stat", {"d_model", "d_state", "n_layers"}), "d_state");
  EXPECT_EQ(did_you_mean("drp", {"lr", "drop"}), "drop");
  EXPECT_EQ(did_you_mean("lr", {"wd"}), "");
  EXPECT_EQ(did_you_mean("", {"lr"}), "");
  EXPECT_EQ(did_you_mean("btach", {"batch"}), "batch");
}

std::string message_of(const auto& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ShapeCheck, NamesTheAxisAndWhereItsSizeCameFrom) {
  const std::string message = message_of([] {
    ShapeCheck shapes("selective_scan");
    shapes("u", Tensor::zeros({8, 1024, 4}), {"batch", "time", "channel"});
    shapes("B", Tensor::zeros({8, 1023, 2}), {"batch", "time", "state"});
  });
  EXPECT_EQ(message,
            "selective_scan: axis `time` of `B` is 1023, expected 1024\n"
            "  expected  B [batch, time, state] = [8, 1024, 2]\n"
            "  received  B                      = [8, 1023, 2]\n"
            "  because   u [batch, time, channel] = [8, 1024, 4]");
}

TEST(ShapeCheck, RefusesAMissingTensorAWrongRankAndAWrongDType) {
  EXPECT_EQ(message_of([] { ShapeCheck("op")("x", Tensor(), {"n"}); }),
            "op: `x` is missing, expected [n]");
  EXPECT_EQ(message_of([] {
              ShapeCheck("op")("x", Tensor::zeros({2, 3}), {"n"});
            }),
            "op: `x` has 2 axes, expected 1\n  expected  x [n]\n  received  x = [2, 3]");
  EXPECT_EQ(message_of([] {
              ShapeCheck shapes("op");
              shapes("x", Tensor::zeros({2}), {"n"});
              shapes("y", Tensor::zeros({2}, DType::f64), {"n"});
            }),
            "op: `y` is f64, expected f32 like `x`");
}

}  // namespace
}  // namespace lw
