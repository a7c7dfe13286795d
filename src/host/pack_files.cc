// SPDX-License-Identifier: Apache-2.0
#include "host/pack_files.h"

#include "base/text.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace thimble::host {

namespace {

constexpr std::string_view kPartEnding = ".part";

// "x.gguf.thimble-pack", "x.gguf.thimble-pack8.part": of this version and of others.
bool IsPackName(std::string_view name) {
  if (name.ends_with(kPartEnding)) name.remove_suffix(kPartEnding.size());
  constexpr std::string_view kMark = ".thimble-pack";
  const std::size_t at = name.rfind(kMark);
  if (at == std::string_view::npos || at == 0) return false;
  const std::string_view digits = name.substr(at + kMark.size());
  return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Calls `take` with the path of each.
template <typename F>
void ForEachPack(std::span<const std::string> folders, F&& take) {
  constexpr int kDeepest = 2;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (auto it = std::filesystem::recursive_directory_iterator(folder, error);
         !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
      if (it.depth() >= kDeepest) it.disable_recursion_pending();
      std::error_code gone;
      const bool is_file = std::filesystem::is_regular_file(it->symlink_status(gone));
      if (is_file && !gone && IsPackName(it->path().filename().string())) take(it->path().string());
    }
  }
}

// Whether it begins as packs do: a file that only has such a name stays.
bool BeginsAsPack(int fd) {
  constexpr std::string_view kMagic = "THIMPACK";
  std::array<char, kMagic.size()> begin{};
  return pread(fd, begin.data(), begin.size(), 0) == static_cast<ssize_t>(begin.size()) &&
         std::string_view(begin.data(), begin.size()) == kMagic;
}

// Whoever writes the file holds its lock, and looks after taking it whether the name still leads to it.
bool IsBeingWritten(const std::string& path, int fd) {
  struct stat held = {};
  struct stat named = {};
  return flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &held) != 0 || lstat(path.c_str(), &named) != 0 ||
         held.st_dev != named.st_dev || held.st_ino != named.st_ino;
}

// True: it is gone, or is to stay.
bool DeletePack(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ELOOP;
  const bool is_part = path.ends_with(kPartEnding);
  const bool stays = is_part ? IsBeingWritten(path, fd) : !BeginsAsPack(fd);
  const bool is_done = stays || unlink(path.c_str()) == 0 || errno == ENOENT;
  close(fd);
  return is_done;
}

}  // namespace

std::vector<KeptPack> WatchedPacks::Open(const ModelFile& model, std::string_view variant) const {
  std::vector<KeptPack> kept = packs_->Open(model, variant);
  const MutexLock lock(&mutex_);
  std::erase_if(opened_, [](const auto& opened) { return opened.second.expired(); });
  for (const KeptPack& pack : kept) {
    if (pack.source != nullptr) opened_.emplace_back(pack.place, pack.source);
  }
  return kept;
}

Result<std::unique_ptr<PackSink>> WatchedPacks::Replace(const ModelFile& model, std::string_view variant,
                                                        std::uint64_t size_bytes, bool is_renewal) const {
  return packs_->Replace(model, variant, size_bytes, is_renewal);
}

bool WatchedPacks::IsRead(const std::string& path) const {
  const MutexLock lock(&mutex_);
  return std::any_of(opened_.begin(), opened_.end(), [&](const auto& opened) {
    std::error_code error;
    return !opened.second.expired() && (opened.first == path || std::filesystem::equivalent(opened.first, path, error));
  });
}

std::uint64_t PackBytes(std::span<const std::string> folders) {
  std::uint64_t bytes = 0;
  ForEachPack(folders, [&](const std::string& path) {
    std::error_code gone;
    const auto size = std::filesystem::file_size(path, gone);
    if (!gone) bytes += size;
  });
  return bytes;
}

Status DeletePacks(std::span<const std::string> folders, const WatchedPacks* packs) {
  std::vector<std::string> paths;  // first, since what is deleted while a folder is read may be skipped or not
  ForEachPack(folders, [&](std::string path) { paths.push_back(std::move(path)); });
  std::size_t num_failed = 0;
  for (const std::string& path : paths) {
    if (packs != nullptr && packs->IsRead(path)) continue;
    num_failed += DeletePack(path) ? 0 : 1;
  }
  if (num_failed == 0) return Done{};
  return Error{Code::kSystem, Cat("[packs] ", num_failed, " of ", paths.size(),
                                  " prepared models cannot be deleted; look at who may write in their folders")};
}

}  // namespace thimble::host
