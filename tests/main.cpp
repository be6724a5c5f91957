// The main of every test binary. New tensors start as NaN, so that an element nobody wrote is
// noticed.
#include <gtest/gtest.h>

#include "core/memory.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  lw::poison_new_memory(true);
  return RUN_ALL_TESTS();
}
