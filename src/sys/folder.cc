// SPDX-License-Identifier: Apache-2.0
#include "sys/folder.h"

#include "sys/file_error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

namespace thimble {

namespace {

struct FolderCloser {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

PathKind KindOfPath(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return PathKind::kNothing;
  if (S_ISREG(status.st_mode)) return PathKind::kFile;
  return S_ISDIR(status.st_mode) ? PathKind::kFolder : PathKind::kOther;
}

std::string LinkTarget(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

Result<std::vector<std::string>> NamesInFolder(const std::string& path) {
  const auto failure = [&path] {
    return FileError(path, "list the folder", std::error_code(errno, std::generic_category()));
  };
  const std::unique_ptr<DIR, FolderCloser> folder(opendir(path.c_str()));
  if (folder == nullptr) return failure();
  std::vector<std::string> names;
  while (true) {
    errno = 0;  // the end and a failure both give no entry
    const dirent* entry = readdir(folder.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) return failure();
  std::sort(names.begin(), names.end());
  return names;
}

bool MakeFolders(const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    mkdir(path.substr(0, end).c_str(), 0700);  // most are there; the last answer counts
  }
  mkdir(path.c_str(), 0700);
  return KindOfPath(path) == PathKind::kFolder;
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace thimble
