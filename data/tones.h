// Tones: spoken-like words of three tones, each low or high, to be told apart: eight classes.
//
// A sample is a function of continuous time on [0, 1): three tones follow each other without a jump in phase, for shares of the
// time that vary by a third; low tones have 20 to 40 cycles in the unit of time, high ones 60 to 90, gliding by up to
// a tenth; the amplitude rises and falls within each tone; noise of random phases up to 100 cycles lies over it. It is then sampled
// at rate * length points, so that rate 0.5 gives every second sample of rate 1.
// inputs f32 [batch, rate * length, 1], targets i64 [batch]: 4 first + 2 second + third, high being 1.
// A small stand-in for the spoken words that Gu, Goel & Ré 2021, arXiv:2111.00396, section 4.3, classify at half their rate.
#pragma once

#include "data/dataset.h"

namespace lw {

struct TonesOptions {
  int64_t length = 1024;  ///< samples at rate 1
  double rate = 1;
  double noise = 0.5;  ///< its standard deviation; a tone's amplitude is at most 1
  int64_t train = 8192;
  int64_t validation = 1000;
  int64_t test = 1000;

  void describe(Fields& f);
};

}  // namespace lw
