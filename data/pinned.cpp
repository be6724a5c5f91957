// The datasets that can be fetched: digests and mirrors.
#include "core/error.h"
#include "data/fetch.h"

namespace lw {
namespace {

PinnedFile mnist_file(const std::string& name, int64_t bytes, const std::string& sha256,
                      const std::string& archive_sha256) {
  PinnedFile file{name, bytes, sha256, archive_sha256, {}};
  for (const char* mirror : {"https://storage.googleapis.com/cvdf-datasets/mnist/",
                             "https://ossci-datasets.s3.amazonaws.com/mnist/",
                             "https://raw.githubusercontent.com/fgnt/mnist/master/"})
    file.mirrors.push_back(mirror + file.published_name());
  return file;
}

/// A plain file of a repository on GitHub, there and at a content delivery network.
PinnedFile github_file(const std::string& name, int64_t bytes, const std::string& sha256,
                       const std::string& repository, const std::string& branch,
                       const std::string& folder) {
  const std::string path = "/" + folder + "/" + name;
  return {name,
          bytes,
          sha256,
          "",
          {"https://raw.githubusercontent.com/" + repository + "/" + branch + path,
           "https://cdn.jsdelivr.net/gh/" + repository + "@" + branch + path}};
}

}  // namespace

const std::vector<PinnedDataset>& pinned_datasets() {
  static const std::vector<PinnedDataset> all = {
      {"mnist",
       {mnist_file("train-images-idx3-ubyte", 47040016,
                   "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                   "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        mnist_file("train-labels-idx1-ubyte", 60008,
                   "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                   "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        mnist_file("t10k-images-idx3-ubyte", 7840016,
                   "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                   "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        mnist_file("t10k-labels-idx1-ubyte", 10008,
                   "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                   "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6")}},
      {"tinyshakespeare",
       {github_file("input.txt", 1115394,
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                    "karpathy/char-rnn", "master", "data/tinyshakespeare")}},
      {"ett",
       {github_file("ETTh1.csv", 2589657,
                    "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
                    "zhouhaoyi/ETDataset", "main", "ETT-small")}},
  };
  return all;
}

const PinnedDataset& pinned_dataset(const std::string& name) {
  std::vector<std::string> names;
  std::string list;
  for (const PinnedDataset& dataset : pinned_datasets()) {
    if (dataset.name == name) return dataset;
    names.push_back(dataset.name);
    list += (list.empty() ? "" : ", ") + dataset.name;
  }
  const std::string near = did_you_mean(name, names);
  throw Error(str("there is no dataset `", name, "` to fetch; there are ", list,
                  near.empty() ? "" : "\n  did you mean `" + near + "`?"));
}

}  // namespace lw
