#include "core/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/fault.h"

namespace lw {
namespace {

[[noreturn]] void fail(const char* action, const Path& path, ErrorKind kind) {
  const int code = errno;
  throw Error(str(path.string(), ": error: cannot ", action, ": ", std::strerror(code)), kind);
}
[[noreturn]] void fail_reading(const char* action, const Path& path) {
  fail(action, path, ErrorKind::data);
}
[[noreturn]] void fail_writing(const char* action, const Path& path) {
  fail(action, path, ErrorKind::disk);
}

int open_file(const Path& path, int flags) {
  int fd;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

void read_exactly(int fd, const Path& path, int64_t offset, void* to, int64_t size) {
  auto* out = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = ::pread(fd, out, static_cast<size_t>(size), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_reading("read", path);
    if (got == 0)
      throw Error(str(path.string(), ": error: the file ends at byte ", offset, ", ", size,
                      " bytes before the expected end"),
                  ErrorKind::data);
    out += got;
    offset += got;
    size -= got;
  }
}

/// False also where that cannot be found out; what is done next says why.
bool is_folder(const Path& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// The next entry that is not the folder itself or the one above; null at the end.
const dirent* next_entry(DIR* folder, const Path& path, ErrorKind kind) {
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder);
    if (entry == nullptr && errno != 0) fail("list", path, kind);
    if (entry == nullptr) return nullptr;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry;
  }
}

Path parent_of(const Path& path) {
  const Path parent = path.parent_path();
  return parent.empty() ? Path(".") : parent;
}

void remove_entry(int folder, const char* name, const Path& path);

/// Removes what is in the folder `fd`, which is closed.
void empty_directory(int fd, const Path& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd), &::closedir);
  if (!folder) {
    ::close(fd);
    fail_writing("list", path);
  }
  while (const dirent* entry = next_entry(folder.get(), path, ErrorKind::disk))
    remove_entry(::dirfd(folder.get()), entry->d_name, path / entry->d_name);
}

/// Never follows a link: names are resolved within the open folder.
void remove_entry(int folder, const char* name, const Path& path) {
  const int fd = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int flags = 0;
  if (fd >= 0) {
    empty_directory(fd, path);
    flags = AT_REMOVEDIR;
  } else if (errno == ENOENT) {
    return;
  } else if (errno != ENOTDIR && errno != ELOOP) {  // a folder that cannot be opened
    fail_writing("open", path);
  }
  if (disk_operation(Space::freed, [&] { return ::unlinkat(folder, name, flags); }) < 0)
    fail_writing("remove", path);
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (is_open()) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (is_open()) ::close(fd_);
}

int Descriptor::release() { return std::exchange(fd_, -1); }

InputFile::InputFile(const Path& path, Links links) : path_(path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not wait.
  file_ = Descriptor(
      open_file(path, O_RDONLY | O_NONBLOCK | (links == Links::refuse ? O_NOFOLLOW : 0)));
  if (!file_.is_open()) fail_reading("open", path);
  struct stat status;
  if (::fstat(file_.get(), &status) < 0) fail_reading("open", path);
  if (!S_ISREG(status.st_mode))
    throw Error(str(path.string(), ": error: expected a regular file"), ErrorKind::data);
  bytes_ = status.st_size;
}

void InputFile::read_at(int64_t offset, void* to, int64_t size) const {
  read_exactly(file_.get(), path_, offset, to, size);
}

OutputFile::OutputFile(const Path& path) : path_(path) {
  file_ = Descriptor(static_cast<int>(
      disk_operation(Space::needed, [&] { return open_file(path, O_RDWR | O_CREAT | O_EXCL); })));
  if (!file_.is_open()) fail_writing("create", path);
}

void OutputFile::write_at(int64_t offset, const void* from, int64_t size) {
  const auto* in = static_cast<const char*>(from);
  while (size > 0) {
    const int64_t put = disk_operation(
        Space::needed,
        [&]() -> int64_t { return ::pwrite(file_.get(), in, static_cast<size_t>(size), offset); },
        [&] {
          if (::pwrite(file_.get(), in, static_cast<size_t>(size / 2), offset) < 0) return;
        });
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_writing("write", path_);
    in += put;
    offset += put;
    size -= put;
    bytes_ = std::max(bytes_, offset);
  }
}

void OutputFile::truncate(int64_t size) {
  if (disk_operation(Space::needed, [&] { return ::ftruncate(file_.get(), size); }) < 0)
    fail_writing("resize", path_);
  bytes_ = size;
}

void OutputFile::read_at(int64_t offset, void* to, int64_t size) const {
  read_exactly(file_.get(), path_, offset, to, size);
}

void OutputFile::sync() {
  if (disk_operation(Space::needed, [&] { return ::fsync(file_.get()); }) < 0)
    fail_writing("sync", path_);
  ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
}

void OutputFile::close() {
  const int fd = file_.release();
  const int64_t status = disk_operation(
      Space::needed, [&] { return ::close(fd); }, [&] { ::close(fd); });
  if (status < 0 && errno != EINTR) fail_writing("close", path_);
}

std::string read_file(const Path& path, int64_t limit, Links links) {
  const InputFile file(path, links);
  if (file.bytes() > limit)
    throw Error(str(path.string(), ": error: ", file.bytes(), " bytes, expected at most ", limit),
                ErrorKind::data);
  std::string bytes(static_cast<size_t>(file.bytes()), '\0');
  file.read_at(0, bytes.data(), file.bytes());
  return bytes;
}

void write_file(const Path& path, std::string_view bytes) {
  const Path folder = parent_of(path);
  const Path temporary = folder / str(unfinished_prefix, path.filename().string(), "-", ::getpid());
  remove_tree(temporary);
  try {
    OutputFile file(temporary);
    file.write_at(0, bytes.data(), static_cast<int64_t>(bytes.size()));
    file.sync();
    file.close();
    rename_path(temporary, path);
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_directory(folder);
}

void make_directories(const Path& path) {
  if (path.empty() || is_folder(path)) return;
  make_directories(path.parent_path());
  if (disk_operation(Space::needed, [&] { return ::mkdir(path.c_str(), 0777); }) >= 0) return;
  const int code = errno;
  if (is_folder(path)) return;  // another process has made it
  errno = code;
  fail_writing("make the folder", path);
}

void sync_directory(const Path& path) {
  const Descriptor folder(open_file(path, O_RDONLY | O_DIRECTORY));
  if (!folder.is_open()) fail_writing("open", path);
  if (disk_operation(Space::needed, [&] { return ::fsync(folder.get()); }) < 0)
    fail_writing("sync", path);
}

void rename_path(const Path& from, const Path& to) {
  if (disk_operation(Space::needed, [&] { return ::rename(from.c_str(), to.c_str()); }) < 0)
    fail_writing(str("rename to ", to.string()).c_str(), from);
}

void exchange_paths(const Path& a, const Path& b) {
  if (disk_operation(Space::needed, [&] {
        return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
      }) < 0)
    fail_writing(str("exchange with ", b.string()).c_str(), a);
}

void remove_tree(const Path& path) { remove_entry(AT_FDCWD, path.c_str(), path); }

void remove_unfinished(const Path& folder) {
  if (::access(folder.c_str(), F_OK) < 0 && errno == ENOENT) return;
  for (const std::string& name : list_directory(folder))
    if (name.starts_with(unfinished_prefix)) remove_tree(folder / name);
}

void replace_link(const Path& target, const Path& link) {
  const Path temporary = parent_of(link) / str(unfinished_prefix, link.filename().string());
  remove_tree(temporary);
  if (disk_operation(Space::needed, [&] { return ::symlink(target.c_str(), temporary.c_str()); }) <
      0)
    fail_writing("make the link", link);
  rename_path(temporary, link);
  sync_directory(parent_of(link));
}

std::vector<std::string> list_directory(const Path& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (!folder) fail_reading("list", path);
  std::vector<std::string> names;
  while (const dirent* entry = next_entry(folder.get(), path, ErrorKind::data))
    names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

int64_t free_bytes(const Path& path) {
  struct statvfs status;
  if (::statvfs(path.c_str(), &status) < 0) fail_writing("ask for the free space of", path);
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

FileLock::FileLock(const Path& path, const std::string& whose) {
  file_ = Descriptor(open_file(path, O_RDWR | O_CREAT));
  if (!file_.is_open()) fail_writing("open the lock", path);
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) fail_writing("lock", path);
  throw Error(str(path.string(), ": error: another process is using ", whose));
}

}  // namespace lw
