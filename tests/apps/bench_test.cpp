// The table of ops that can be timed, and what is written for others to compare with.
#include "apps/bench.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "apps/bench_output.h"
#include "tests/temporary_folder.h"

namespace lw {
namespace {

/// The op at sizes that take no time.
Sizes small(const BenchOp& op) {
  Sizes sizes = op.sizes;
  for (auto& [name, size] : sizes) size = std::min<int64_t>(size, 8);
  return sizes;
}

TEST(BenchOps, EachRunsInBothPassesAndKnowsItsWork) {
  std::set<std::string> names;
  for (const BenchOp& op : bench_ops()) {
    SCOPED_TRACE(op.name);
    EXPECT_TRUE(names.insert(op.name).second);
    const Sizes sizes = small(op);
    Variables leaves;
    for (const NamedTensor& input : op.inputs(sizes, {Random(1)}))
      leaves.emplace_back(input.value,
                          is_floating(input.value.dtype()) || is_complex(input.value.dtype()));
    const Variable y = op.run(leaves, sizes);
    EXPECT_TRUE(y.defined());
    const std::array<Work, 2> work = op.work(sizes);
    if (y.op_name() != std::string("leaf")) {
      y.backward(Tensor::full(y.shape(), 1, y.dtype()));
      EXPECT_TRUE(leaves[0].grad().defined());
      EXPECT_GE(work[1].elements, 0);
    }
    EXPECT_GT(work[0].elements + work[0].flops + work[1].elements, 0);
  }
}

TEST(BenchOps, DrawsDependOnTheirNamesAlone) {
  const Draw draw{Random(1)};
  const Tensor a = draw.normal("a", {3, 5}).value, again = draw.normal("a", {3, 5}).value;
  EXPECT_EQ(a.to_vector(), again.to_vector());
  EXPECT_NE(a.to_vector(), draw.normal("b", {3, 5}).value.to_vector());
}

TEST(BenchDump, HoldsWhatWasComputed) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "dump.h5").string();
  for (int time = 0; time < 2; ++time) {  // the second replaces the first
    BenchDump dump(path);
    dump.tensors("inputs", {{"x", Tensor::full({2, 3}, 1 + time)}});
    dump.finish();
  }
  const Hdf5Reader file(path);
  EXPECT_EQ(file.tensor("/inputs/x").to_vector(), std::vector<double>(6, 2.0));
}

}  // namespace
}  // namespace lw
