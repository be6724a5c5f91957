#include "data/mnist.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "core/digest.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, const std::string& text) {
  throw Error(str(file.string(), ": error: ", text), ErrorKind::data);
}

/// A file that zlib reads, compressed or not.
class GzFile {
 public:
  explicit GzFile(const fs::path& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) fail(path, str("cannot be opened: ", std::strerror(errno)));
    gzbuffer(file_, 1 << 18);
  }
  ~GzFile() { gzclose(file_); }
  GzFile(const GzFile&) = delete;

  /// Reads up to `size` bytes; fewer only at the end of the file. Refuses damaged compressed data.
  size_t read(uint8_t* out, size_t size) {
    size_t done = 0;
    while (done < size) {
      const int n =
          gzread(file_, out + done, static_cast<unsigned>(std::min<size_t>(size - done, 1 << 30)));
      int code = Z_OK;
      if (n <= 0) gzerror(file_, &code);
      if (code == Z_BUF_ERROR) fail(path_, "the compressed data is cut short");
      if (n < 0) fail(path_, "the compressed data is damaged");
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

 private:
  fs::path path_;
  gzFile file_;
};

struct Idx {
  std::vector<int64_t> sizes;
  std::vector<uint8_t> bytes;
};

/// Reads an idx file of unsigned bytes with `rank` axes.
Idx read_idx(const fs::path& path, int rank) {
  if (fs::is_directory(path)) fail(path, "this is a folder, expected an idx file");
  GzFile file(path);
  std::vector<uint8_t> header(static_cast<size_t>(4 + 4 * rank));
  const size_t read = file.read(header.data(), header.size());
  const auto word = [&](size_t i) {
    return int64_t{header[4 * i]} << 24 | int64_t{header[4 * i + 1]} << 16 |
           int64_t{header[4 * i + 2]} << 8 | header[4 * i + 3];
  };
  const int64_t magic = 0x800 + rank;
  if (read >= 4 && word(0) != magic)
    fail(path, str("expected the idx magic number ", magic, ", found ", word(0)));
  if (read < header.size()) fail(path, "the file ends inside its header");
  Idx idx;
  int64_t total = 1;
  for (int i = 1; i <= rank; ++i) {
    idx.sizes.push_back(word(static_cast<size_t>(i)));
    if (idx.sizes.back() == 0 || __builtin_mul_overflow(total, idx.sizes.back(), &total) ||
        total > (int64_t{1} << 36))
      fail(path,
           str("the header declares an axis of size ", idx.sizes.back(), ", which makes no sense"));
  }
  // Read in pieces, so that a header that lies about the size costs no more memory than the file
  // has bytes.
  constexpr size_t piece = 1 << 24;
  for (size_t wanted = static_cast<size_t>(total); wanted > 0;) {
    const size_t part = std::min(wanted, piece), before = idx.bytes.size();
    idx.bytes.resize(before + part);
    const size_t got = file.read(idx.bytes.data() + before, part);
    if (got < part)
      fail(path, str("the header declares ", total, " bytes, the file holds ", before + got));
    wanted -= part;
  }
  uint8_t extra;
  if (file.read(&extra, 1) != 0)
    fail(path, str("the header declares ", total, " bytes, the file holds more"));
  return idx;
}

fs::path find_file(const fs::path& folder, const std::string& name) {
  for (const fs::path& path : {folder / name, folder / (name + ".gz")})
    if (fs::is_regular_file(path)) return path;
  fail(folder / name,
       "there is no such file, with or without .gz; `longwave data fetch mnist` gets it");
}

std::string digest_of(const std::vector<uint8_t>& bytes) {
  return xxh3(bytes.data(), std::ssize(bytes));
}

DataSource make_mnist(const MnistOptions& o, const DataContext& context) {
  const fs::path folder = data_folder(context, "mnist");
  auto train = std::make_shared<ImageSet>(read_idx_images(folder, "train"));
  auto test = std::make_shared<ImageSet>(read_idx_images(folder, "t10k"));
  if (train->rows != test->rows || train->columns != test->columns)
    fail(folder, str("training images are ", train->rows, " x ", train->columns, ", test images ",
                     test->rows, " x ", test->columns));
  check(o.validation < train->size(), "data.validation is ", o.validation, ", but there are only ",
        train->size(), " training images");

  const int64_t pixels = train->rows * train->columns;
  const ImageSequences how = image_sequences(*train, o.length == 0 ? pixels : o.length, o.permute,
                                             static_cast<uint64_t>(o.permutation_seed));
  const uint8_t top = std::max(*std::max_element(train->labels.begin(), train->labels.end()),
                               *std::max_element(test->labels.begin(), test->labels.end()));
  DataSource source;
  source.task = {.features = 1,
                 .length = static_cast<int64_t>(how.order.size()),
                 .target = Task::Target::label,
                 .classes = top + 1};
  source.fingerprint = str(digest_of(train->pixels), " labels=", digest_of(train->labels),
                           " test=", digest_of(test->pixels), ",", digest_of(test->labels),
                           " validation=", o.validation, " length=", source.task.length,
                           " permute=", o.permute ? str(o.permutation_seed) : "no");
  const int64_t held_out = train->size() - o.validation;
  source.train = image_dataset(train, how, 0, held_out);
  if (o.validation > 0) source.val = image_dataset(train, how, held_out, train->size());
  source.test = image_dataset(test, how, 0, test->size());
  return source;
}

const bool registered = datasets().add<MnistOptions>("mnist", &make_mnist);

}  // namespace

void MnistOptions::describe(Fields& f) {
  f.optional("length", length, "steps of a sample, the first pixels of its order; 0: all of them",
             non_negative());
  f.optional("permute", permute, "read the pixels in one fixed random order");
  f.optional("permutation_seed", permutation_seed, "which order", non_negative());
  f.optional("validation", validation, "images held out of the end of the training files",
             non_negative());
}

ImageSet read_idx_images(const fs::path& folder, const std::string& prefix) {
  const fs::path image_file = find_file(folder, prefix + "-images-idx3-ubyte");
  const fs::path label_file = find_file(folder, prefix + "-labels-idx1-ubyte");
  Idx images = read_idx(image_file, 3), labels = read_idx(label_file, 1);
  if (images.sizes[0] != labels.sizes[0])
    fail(label_file, str("there are ", labels.sizes[0], " labels for the ", images.sizes[0],
                         " images of ", image_file.string()));
  return {.rows = images.sizes[1],
          .columns = images.sizes[2],
          .pixels = std::move(images.bytes),
          .labels = std::move(labels.bytes)};
}

ImageSet read_idx_images(const fs::path& file) {
  Idx images = read_idx(file, 3);
  return {.rows = images.sizes[1],
          .columns = images.sizes[2],
          .pixels = std::move(images.bytes),
          .labels = {}};
}

}  // namespace lw
