// What a long convolution has to do: documents, grouped by transform length, in parts for threads.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "kernels/fft/fft_plan.h"
#include "kernels/long_conv/long_conv.h"
#include "kernels/optional_view.h"
#include "kernels/segments.h"

namespace lw::kernels {

/// A stretch of one batch row that is convolved by itself.
struct Document {
  int64_t row, begin, length;
};

/// Documents that share a transform length, and so the spectrum of the kernel.
struct Bundle {
  int64_t n = 0;
  int64_t longest = 0;
  std::vector<Document> documents;
};

/// The work on one vector of channels, cut into parts that different threads may take.
using Part = std::vector<Bundle>;

inline std::vector<Document> documents_of(const LongConv& in) {
  const int64_t batch = in.u.size(0), time = in.u.size(1);
  const auto resets = optional_view<const uint8_t, 2>(in.resets);
  std::vector<Document> documents;
  for (int64_t b = 0; b < batch; ++b) {
    int64_t begin = 0;
    for (int64_t t = 1; t <= time; ++t) {
      if (t < time && !starts_at(resets, b, t)) continue;
      documents.push_back({b, begin, t - begin});
      begin = t;
    }
  }
  return documents;
}

/// At least one part; several where there are few vectors of channels, each with enough documents
/// to be worth the transform of the kernel. Depends on shapes and resets alone.
inline std::vector<Part> schedule(const LongConv& in, int64_t blocks) {
  std::map<int64_t, std::vector<Document>> by_length;
  int64_t work = 0;
  size_t count = 0;
  for (const Document& document : documents_of(in)) {
    const int64_t n = next_fast_length(document.length);
    by_length[n].push_back(document);
    work += n;
    ++count;
  }
  constexpr int64_t tasks = 16, documents_a_part = 4;
  const int64_t parts =
      std::clamp<int64_t>(tasks / std::max<int64_t>(blocks, 1), 1,
                          std::max<int64_t>(1, static_cast<int64_t>(count) / documents_a_part));
  std::vector<Part> result(static_cast<size_t>(parts));
  int64_t done = 0;
  for (const auto& [n, documents] : by_length)
    for (const Document& document : documents) {
      Part& part = result[static_cast<size_t>(done * parts / work)];
      if (part.empty() || part.back().n != n) part.push_back({.n = n});
      part.back().documents.push_back(document);
      part.back().longest = std::max(part.back().longest, document.length);
      done += n;
    }
  return result;
}

}  // namespace lw::kernels
