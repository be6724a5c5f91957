#include "data/dataset.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "data/fetch.h"

namespace lw {

Datasets& datasets() {
  static Datasets registry("dataset");
  return registry;
}

namespace {

/// How to get the files of a folder; empty where `longwave data fetch` does not know them.
std::string fetched(const std::string& folder) {
  const auto& all = pinned_datasets();
  const bool known = std::any_of(all.begin(), all.end(),
                                 [&](const PinnedDataset& one) { return one.name == folder; });
  return known ? "`longwave data fetch " + folder + "` gets the files" : std::string();
}

}  // namespace

std::string data_folder(const DataContext& context, const std::string& folder) {
  std::string root = context.root;
  const std::string how = fetched(folder);
  if (root.empty()) {
    const char* data = std::getenv("LONGWAVE_DATA");
    if (data == nullptr || *data == '\0')
      throw Error(
          str("data.root: no folder is given for `", folder,
              "`\n  set data.root=DIR to the folder that holds its files, or LONGWAVE_DATA to ",
              "the folder above ", folder, "/", how.empty() ? "" : ";\n  ", how),
          ErrorKind::data);
    root = (std::filesystem::path(data) / folder).string();
  }
  std::error_code why;
  if (!std::filesystem::is_directory(root, why))
    throw Error(str("data.root: there is no folder ", root,
                    why && why != std::errc::no_such_file_or_directory ? ": " + why.message() : "",
                    "\n  ", how, how.empty() ? "" : "; or ", "set data.root=DIR"),
                ErrorKind::data);
  return root;
}

}  // namespace lw
