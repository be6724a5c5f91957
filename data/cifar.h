// CIFAR-10 as sequences of pixels, grey or in colour.
//
// The folder holds data_batch_1.bin ... data_batch_5.bin and test_batch.bin of the public binary version: records of a
// label 0 ... 9 and 3,072 bytes, the red, green and blue planes of a 32 x 32 image row by row. A grey pixel is 0.299 R +
// 0.587 G + 0.114 B. Pixels are standardised, each colour by itself, with mean and deviation of the training split.
// inputs f32 [batch, 1024, 1], of colours [batch, 1024, 3]; targets i64 [batch].
//
// Errors: Error of ErrorKind::data naming a file that is missing, or no whole number of records, and the first record
// whose label is none.
// Krizhevsky 2009; grey as the Image task of the Long Range Arena, Tay et al. 2021, arXiv:2011.04006.
#pragma once

#include "data/dataset.h"

namespace lw {

struct CifarOptions {
  bool grey = true;
  int64_t validation = 0;  ///< images held out of the end of the training files

  void describe(Fields& f);
};

}  // namespace lw
