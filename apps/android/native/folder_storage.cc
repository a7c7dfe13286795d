// SPDX-License-Identifier: Apache-2.0
#include "android/native/folder_storage.h"

#include "base/text.h"
#include "host/atomic_file.h"
#include "sys/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace thimble::android {

namespace fs = std::filesystem;
using common::OpenFile;
using common::StoredFile;

namespace {

constexpr const char* kPlace = "storage";
constexpr int kDeepest = 2;  // NAME/.upload/FILE

// The name without its folders: clients see file names.
std::string ShownName(const std::string& name) { return EscapeControls(NameOf(name)); }

class FileInFolder : public OpenFile {
 public:
  FileInFolder(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  ~FileInFolder() override { close(fd_); }
  FileInFolder(const FileInFolder&) = delete;
  FileInFolder& operator=(const FileInFolder&) = delete;

  [[nodiscard]] Result<std::uint64_t> Size() const override {
    struct stat status = {};
    if (fstat(fd_, &status) != 0) return Failure("cannot tell the size of");
    return static_cast<std::uint64_t>(status.st_size);
  }
  [[nodiscard]] Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> to) const override {
    std::size_t filled = 0;
    while (filled < to.size()) {
      const ssize_t count = pread(fd_, to.data() + filled, to.size() - filled, static_cast<off_t>(offset + filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Failure("cannot read");
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    return filled;
  }
  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t count = pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Failure("cannot write");
      done += static_cast<std::size_t>(count);
    }
    return Done{};
  }
  Status Truncate(std::uint64_t size) override {
    if (ftruncate(fd_, static_cast<off_t>(size)) != 0) return Failure("cannot shorten");
    return Done{};
  }
  Status Flush() override {
    if (fsync(fd_) != 0) return Failure("cannot finish");
    return Done{};
  }

 private:
  [[nodiscard]] Error Failure(const char* what) const {
    return host::SystemError(kPlace, what, ShownName(name_), errno);
  }
  int fd_;
  std::string name_;
};

// A new name is to survive a power cut, too.
void SyncFolder(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

}  // namespace

FolderStorage::FolderStorage(std::string folder, std::function<std::optional<std::uint64_t>()> free_bytes)
    : folder_(std::move(folder)), free_bytes_(std::move(free_bytes)) {
  MakeFolders(folder_);
}

std::string FolderStorage::PathOf(const std::string& name) const { return Cat(folder_, "/", name); }

std::vector<StoredFile> FolderStorage::List() const {
  std::vector<StoredFile> files;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder_, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error)) {
    if (it.depth() >= kDeepest) it.disable_recursion_pending();
    std::error_code gone;
    // A link counts as what it leads to.
    if (!fs::is_regular_file(it->path(), gone) || gone) continue;
    const auto bytes = fs::file_size(it->path(), gone);
    std::string name = it->path().string().substr(std::min(folder_.size() + 1, it->path().string().size()));
    if (!gone && name.size() <= common::kLongestName)
      files.push_back({std::move(name), static_cast<std::uint64_t>(bytes)});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

Result<std::unique_ptr<OpenFile>> FolderStorage::Open(const std::string& name, bool creates) {
  const std::string path = PathOf(name);
  if (creates) MakeFolders(FolderOf(path));
  const int flags = creates ? O_RDWR | O_CREAT | O_NOFOLLOW : O_RDONLY | O_NONBLOCK;
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) {
    Error error = host::SystemError(kPlace, creates ? "cannot create" : "cannot open", ShownName(name), errno);
    if (errno == ENOENT) error.code = Code::kNotFound;
    return error;
  }
  return std::unique_ptr<OpenFile>(std::make_unique<FileInFolder>(fd, name));
}

Status FolderStorage::Delete(const std::string& name) {
  std::string path = PathOf(name);
  if (unlink(path.c_str()) != 0) return host::SystemError(kPlace, "cannot delete", ShownName(name), errno);
  // Folders in which nothing is left go with it.
  for (int level = 0; level < kDeepest; ++level) {
    path = FolderOf(path);
    if (path.size() <= folder_.size() || rmdir(path.c_str()) != 0) break;
  }
  return Done{};
}

Status FolderStorage::Rename(const std::string& from, const std::string& to) {
  const std::string target = PathOf(to);
  MakeFolders(FolderOf(target));
  if (rename(PathOf(from).c_str(), target.c_str()) != 0)
    return host::SystemError(kPlace, "cannot rename", ShownName(from), errno);
  SyncFolder(FolderOf(target));
  return Done{};
}

std::optional<std::uint64_t> FolderStorage::FreeBytes() const {
  if (free_bytes_) return free_bytes_();
  std::error_code error;
  const fs::space_info space = fs::space(folder_, error);
  if (error) return std::nullopt;
  return static_cast<std::uint64_t>(space.available);
}

Result<std::shared_ptr<const ByteSource>> FolderStorage::Map(const std::string& name) {
  auto mapped = MapFile(PathOf(name));
  if (mapped.ok()) return mapped;
  // Without the path, which clients do not see.
  return Error{mapped.error().code, Cat("[storage] cannot open ", ShownName(name))};
}

Status FolderStorage::Link(const std::string& path, const std::string& name) {
  const std::string target = PathOf(name);
  MakeFolders(FolderOf(target));
  unlink(target.c_str());
  if (symlink(path.c_str(), target.c_str()) != 0)
    return host::SystemError(kPlace, "cannot link", ShownName(name), errno);
  return Done{};
}

}  // namespace thimble::android
