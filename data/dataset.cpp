#include "data/dataset.h"

#include <cstdlib>
#include <filesystem>

namespace lw {

Datasets& datasets() {
  static Datasets registry("dataset");
  return registry;
}

std::string data_folder(const DataContext& context, const std::string& folder) {
  std::string root = context.root;
  if (root.empty()) {
    const char* data = std::getenv("LONGWAVE_DATA");
    if (data == nullptr || *data == '\0')
      throw Error(
          str("data.root: no folder is given for `", folder,
              "`\n  set data.root=DIR to the folder that holds its files, or LONGWAVE_DATA to ",
              "the folder above ", folder, "/;\n  `longwave data fetch ", folder,
              "` gets the files"),
          ErrorKind::data);
    root = (std::filesystem::path(data) / folder).string();
  }
  if (!std::filesystem::is_directory(root))
    throw Error(str("data.root: there is no folder ", root, "\n  `longwave data fetch ", folder,
                    "` gets the files; or set data.root=DIR"),
                ErrorKind::data);
  return root;
}

}  // namespace lw
