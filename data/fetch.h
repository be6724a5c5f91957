// Fetching published datasets: from their mirrors over HTTPS, or from a folder that has the files.
//
// Every file is pinned by SHA-256: of its plain bytes, and of the archive as it was published. A
// file with either digest is accepted, so that a .gz made anew is as good as the original; any other
// is refused, and nothing has its final name before its digest was seen. Where a reader takes .gz,
// the file stays compressed; otherwise it is inflated.
//
// A download that breaks off is kept as .NAME.part and goes on from there, at the next mirror or at
// the next call. No more is read than a file of the pinned size can need, and only the protocols
// allowed (https) are spoken, redirections included.
//
// Errors: Error of ErrorKind::data naming the file; where no mirror answers, with what each said and
// with the steps to do by hand. Cost: a file is held in memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/files.h"

namespace lw {

struct PinnedFile {
  std::string name;                  ///< without .gz
  int64_t bytes = 0;                 ///< of the plain file
  std::string sha256;                ///< of the plain file
  std::string archive_sha256;        ///< of the published .gz; empty: published plain
  std::vector<std::string> mirrors;  ///< URLs, tried in order

  /// Whether the readers of the dataset take it compressed.
  bool compressed() const { return !archive_sha256.empty(); }
  /// As it is published, and kept when it comes so.
  std::string published_name() const { return compressed() ? name + ".gz" : name; }
};

struct PinnedDataset {
  std::string name;  ///< of the dataset, and of its folder below $LONGWAVE_DATA
  std::vector<PinnedFile> files;
};

/// mnist, tinyshakespeare, ett.
const std::vector<PinnedDataset>& pinned_datasets();
/// Throws Error, with all names, if there is no such dataset.
const PinnedDataset& pinned_dataset(const std::string& name);

struct FetchOptions {
  Path to;                          ///< made if need be
  Path from;                        ///< a folder that holds the files; empty: the mirrors
  std::string protocols = "https";  ///< that may be spoken, as libcurl names them
  int64_t stall_seconds = 30;       ///< a mirror that sends nothing for so long is left
  /// Called about once a second, and before each file. What it throws ends the fetch, and what was
  /// read of a file is kept.
  std::function<void()> poll = [] {};
};

struct FetchedFile {
  enum class How { kept, copied, downloaded } how;
  Path path;
  std::string source;  ///< the path or URL it came from; empty if kept
};

/// Puts the files of a dataset in options.to. Files that are there already are kept if they are the
/// pinned ones, and refused otherwise.
std::vector<FetchedFile> fetch(const PinnedDataset& dataset, const FetchOptions& options);

}  // namespace lw
