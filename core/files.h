// Files: reading them whole, changing them so that a crash leaves either the old or the new, links,
// locks.
//
// Errors: every failure throws Error with the path and the system's own words, of ErrorKind::disk
// where something was written and ErrorKind::data where something was read. Calls that change the
// disk can be made to fail in tests (core/fault.h). Linux only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lw {

using Path = std::filesystem::path;

/// An open descriptor, closed when its owner goes.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

enum class Links { follow, refuse };

/// A regular file, open for reading at any place. Anything else (a folder, a pipe, a device) is
/// refused, and with Links::refuse a symbolic link too.
class InputFile {
 public:
  explicit InputFile(const Path& path, Links links = Links::follow);

  const Path& path() const { return path_; }
  int64_t bytes() const { return bytes_; }
  /// Fills `to` with the `size` bytes at `offset`; a file that ends before them is an Error.
  void read_at(int64_t offset, void* to, int64_t size) const;

 private:
  Path path_;
  Descriptor file_;
  int64_t bytes_ = 0;
};

/// A new file, open for writing at any place. The path must not exist.
class OutputFile {
 public:
  explicit OutputFile(const Path& path);

  const Path& path() const { return path_; }
  void write_at(int64_t offset, const void* from, int64_t size);
  void truncate(int64_t size);
  /// Reads back what was written.
  void read_at(int64_t offset, void* to, int64_t size) const;
  int64_t bytes() const { return bytes_; }
  /// Waits until the disk holds everything written, and drops it from the page cache, so that the
  /// next reader sees what the disk holds.
  void sync();
  void close();

 private:
  Path path_;
  Descriptor file_;
  int64_t bytes_ = 0;
};

/// The bytes of a file. More than `limit` of them are an Error.
std::string read_file(const Path& path, int64_t limit = int64_t{1} << 28,
                      Links links = Links::follow);

/// Puts `bytes` at `path` so that a crash at any moment leaves the old file or the new one: written
/// under a temporary name in the same folder, synced, renamed, and the folder synced.
void write_file(const Path& path, std::string_view bytes);

void make_directories(const Path& path);  ///< `path` and the folders above it that are missing
void sync_directory(const Path& path);    ///< makes creations and renames within it last
void rename_path(const Path& from, const Path& to);
void exchange_paths(const Path& a, const Path& b);  ///< swaps two existing names in one step
/// Removes a file, a link (not what it points to), or a folder with all in it. Absent is fine.
void remove_tree(const Path& path);

/// How the names of files and folders begin that are still being written.
inline constexpr char unfinished_prefix[] = ".tmp-";
/// Removes from `folder`, if there is one, what writers that were killed left unfinished. No other
/// may be at work there.
void remove_unfinished(const Path& folder);

/// Makes `link` a symbolic link to `target`, in one step where it exists. A relative target is
/// relative to the folder of `link`.
void replace_link(const Path& target, const Path& link);

/// The names within a folder, sorted; "." and ".." left out.
std::vector<std::string> list_directory(const Path& path);

/// Bytes that an unprivileged user can still write to the file system that holds `path`.
int64_t free_bytes(const Path& path);

/// An advisory lock (flock) on a file, which is made if need be; held until destroyed, and by the
/// system released when the process ends in any way. Throws Error of ErrorKind::usage, with `whose`
/// in the text, if another process holds it.
class FileLock {
 public:
  FileLock(const Path& path, const std::string& whose);

 private:
  Descriptor file_;
};

}  // namespace lw
