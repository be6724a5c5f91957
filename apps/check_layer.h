// The laws that every sequence layer obeys, and every model made of them, measured: what `longwave check` prints.
//
//   gradient        central differences agree with backward(): input, states, every parameter     f64
//   modes           convolution = scan, with and without an initial state                         f64 f32
//   rate            the same at half the rate                                                     f64 f32
//   intervals       intervals of 2 = half the rate, of 1 = none, gradients too                    f64 f32
//   pieces          any split of a sequence, down to single steps, = the whole                    f64 f32
//   irregular       pieces of irregular samples                                                   f64 f32
//   packing         documents packed in one row = documents run by themselves, gradients too      f64 f32
//   causality       an output does not depend on later inputs; exact but for the FFT              f64 f32
//   reproducible    two runs, on 1, 2 and 3 threads, give equal bits, gradients included          f32
//   cpu = cuda      the same outputs and gradients of the input on both, where there is a GPU     f32
//
// Packing is measured in the recurrence and, where there is one, in the convolution; there of gradients only the input's, since
// modes that hardly decay amplify the rounding of a spectrum in those of parameters.
// A layer that is not causal is held to the laws of whole sequences, and one that is not time-invariant
// has one mode only; rate and intervals are for systems of continuous time.
#pragma once

#include <string>
#include <vector>

#include "layers/model.h"

namespace lw {

struct LawResult {
  std::string layer;     ///< kind and options: "s4d {init: inv}"
  std::string property;  ///< "modes f64"
  double error = 0;      ///< largest difference, relative to the largest value
  double tolerance = 0;

  bool ok() const { return error <= tolerance; }  // false for NaN
};

/// Measures every law on a layer of a small width. `options` are YAML: "init: inv, d_state: 8".
std::vector<LawResult> check_layer(const std::string& kind, const std::string& options = "");

/// Measures them on a model of a config, from signals to an output at each step. Its gradients are measured along random
/// directions, of all parameters and the input, and its tolerances are those of a layer times the number of layers.
std::vector<LawResult> check_model(const std::string& name, const ModelOptions& options);

/// The variants of a kind that `check layer` goes through: its own options where they change the mathematics.
std::vector<std::string> layer_variants(const std::string& kind);

}  // namespace lw
