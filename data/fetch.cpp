#include "data/fetch.h"

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "core/digest.h"
#include "core/error.h"
#include "core/log.h"
#include "data/download.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

template <class... Parts>
[[noreturn]] void fail(const Path& file, const Parts&... parts) {
  throw Error(str(file.string(), ": error: ", parts...), ErrorKind::data);
}

/// The plain bytes of a .gz; nothing if it is damaged or holds more than `limit` of them.
std::optional<std::string> inflated(const std::string& archive, int64_t limit) {
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return {};  // 16: with the header of gzip
  std::string plain(static_cast<size_t>(limit), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(archive.data()));
  stream.avail_in = static_cast<uInt>(archive.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  const int status = inflate(&stream, Z_FINISH);
  plain.resize(plain.size() - stream.avail_out);
  inflateEnd(&stream);
  if (status != Z_STREAM_END || stream.avail_in > 0) return {};
  return plain;
}

bool is_gzip(const std::string& content) { return content.starts_with("\x1f\x8b"); }

/// Bytes that the pinned file can have in any form: deflate adds little to what it cannot shrink.
int64_t most_bytes(const PinnedFile& file) { return file.bytes + file.bytes / 1000 + 1024; }

/// What is wrong with the content, or an empty text. Content that has to be plain is inflated.
std::string problem_of(const PinnedFile& file, std::string& content) {
  const std::string digest = sha256(content);
  if (digest == file.sha256 || (file.compressed() && digest == file.archive_sha256)) return "";
  const bool gzip = is_gzip(content);
  std::optional<std::string> plain = gzip ? inflated(content, file.bytes) : content;
  if (!plain) return str("its compressed data is damaged, or not ", file.bytes, " bytes long");
  if (const std::string found = gzip ? sha256(*plain) : digest; found != file.sha256)
    return str(gzip ? "the SHA-256 of its plain bytes" : "its SHA-256", " is ", found,
               ", expected ", file.sha256);
  if (gzip && !file.compressed()) content = std::move(*plain);
  return "";
}

/// The file in `folder`, under its name with or without .gz.
std::optional<Path> find(const PinnedFile& file, const Path& folder) {
  for (const Path& path : {folder / file.name, folder / (file.name + ".gz")})
    if (fs::is_regular_file(path)) return path;
  return {};
}

/// The name for a content that problem_of() passed.
Path final_path(const PinnedFile& file, const std::string& content, const Path& folder) {
  return folder / (file.compressed() && is_gzip(content) ? file.name + ".gz" : file.name);
}

/// Keeps what was received of a download that did not end well.
class PartFile {
 public:
  PartFile(Path path, int64_t limit) : path_(std::move(path)) {
    if (fs::is_regular_file(path_) && static_cast<int64_t>(fs::file_size(path_)) <= limit)
      content = read_file(path_, limit);
  }
  void keep() const {
    if (content.empty())
      remove();
    else
      write_file(path_, content);
  }
  void remove() const { remove_tree(path_); }

  std::string content;

 private:
  Path path_;
};

[[noreturn]] void explain_failure(const PinnedFile& file, const FetchOptions& options,
                                  const std::string& reasons) {
  std::string by_hand = "\n  by hand: put the file from one of";
  for (const std::string& url : file.mirrors) by_hand += "\n    " + url;
  throw Error(str(file.published_name(), ": error: no mirror gave this file", reasons, by_hand,
                  "\n  into ", options.to.string(),
                  "/ and run this again, or name a folder that has it with --from DIR"),
              ErrorKind::data);
}

FetchedFile download_file(const PinnedFile& file, const FetchOptions& options) {
  const DownloadLimits limits{.protocols = options.protocols,
                              .bytes = most_bytes(file),
                              .stall_seconds = options.stall_seconds};
  make_directories(options.to);
  PartFile part(options.to / str(".", file.published_name(), ".part"), limits.bytes);
  std::string reasons;
  try {
    for (const std::string& url : file.mirrors) {
      const bool continued = !part.content.empty();
      log_info(str(continued ? "going on with " : "downloading ", url));
      std::string problem = download(url, limits, options.poll, part.content);
      const bool whole = problem.empty();
      if (whole) problem = problem_of(file, part.content);
      if (whole && !problem.empty()) {  // what came first may have been another file
        part.content.clear();
        if (continued && (problem = download(url, limits, options.poll, part.content)).empty())
          problem = problem_of(file, part.content);
      }
      if (problem.empty()) {
        const Path path = final_path(file, part.content, options.to);
        write_file(path, part.content);
        part.remove();
        return {FetchedFile::How::downloaded, path, url};
      }
      reasons += str("\n  ", url, ": ", problem);
    }
  } catch (...) {
    part.keep();
    throw;
  }
  part.keep();
  explain_failure(file, options, reasons);
}

FetchedFile copy_file(const PinnedFile& file, const FetchOptions& options) {
  const std::optional<Path> source = find(file, options.from);
  if (!source) fail(options.from / file.name, "there is no such file, with or without .gz");
  std::string content = read_file(*source, most_bytes(file));
  if (const std::string problem = problem_of(file, content); !problem.empty())
    fail(*source, "not the pinned file: ", problem);
  const Path path = final_path(file, content, options.to);
  make_directories(options.to);
  write_file(path, content);
  return {FetchedFile::How::copied, path, source->string()};
}

FetchedFile fetch_file(const PinnedFile& file, const FetchOptions& options) {
  const std::optional<Path> present = find(file, options.to);
  if (!present)
    return options.from.empty() ? download_file(file, options) : copy_file(file, options);
  std::string content = read_file(*present, most_bytes(file));
  if (const std::string problem = problem_of(file, content); !problem.empty())
    fail(*present, "another file is here already: ", problem,
         "\n  move it away, or name another folder with --to DIR");
  if (*present != final_path(file, content, options.to))  // compressed, where it has to be plain
    write_file(options.to / file.name, content);
  return {FetchedFile::How::kept, final_path(file, content, options.to), ""};
}

}  // namespace

std::vector<FetchedFile> fetch(const PinnedDataset& dataset, const FetchOptions& options) {
  if (!options.from.empty() && !fs::is_directory(options.from))
    fail(options.from, "there is no such folder");
  std::vector<FetchedFile> fetched;
  for (const PinnedFile& file : dataset.files) {
    options.poll();
    fetched.push_back(fetch_file(file, options));
  }
  return fetched;
}

}  // namespace lw
