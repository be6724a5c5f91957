// Handwritten-like digits, drawn by a procedure: an image task that needs no download.
//
// Each digit is a few strokes (lines and arcs) that a random affine map shifts, turns, slants and
// scales, drawn with a pen of random width, blurred at the edge, with noise added. Image i of a
// split is a pure function of the seed and i. 28 x 28 pixels in [0, 255], read row by row as a
// sequence, ten classes.
#pragma once

#include "data/images.h"

namespace lw {

struct DigitsOptions {
  int64_t length = 0;     ///< steps of a sample: the first pixels; 0: all 784
  int64_t size = 28;      ///< rows and columns of an image
  int64_t train = 10000;  ///< images of each split
  int64_t validation = 1000;
  int64_t test = 1000;
  bool permute = false;
  double noise = 0.1;  ///< standard deviation of the noise of a pixel, where ink is 1

  void describe(Fields& f);
};

/// Draws one digit (0 to 9) into `pixels` (size x size, row by row).
void draw_digit(int digit, int64_t size, double noise, const Random& random, uint8_t* pixels);

}  // namespace lw
