// SPDX-License-Identifier: Apache-2.0
#include "sys/cgroup_linux.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

namespace thimble {

namespace {

std::optional<std::string> FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) return std::nullopt;
  return line;
}

// The first number of a file; nullopt for "max", which means no limit.
std::optional<std::uint64_t> NumberIn(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (!file || !(file >> value)) return std::nullopt;
  return value;
}

// Sum of the two lines of memory.stat that count pages of files, which the kernel drops when it needs room.
std::uint64_t DroppableBytes(const std::string& stat_path, std::string_view prefix) {
  std::ifstream file(stat_path);
  const std::string inactive = std::string(prefix) + "inactive_file";
  const std::string active = std::string(prefix) + "active_file";
  std::uint64_t sum = 0;
  std::uint64_t value = 0;
  std::string key;
  while (file >> key >> value) {
    if (key == inactive || key == active) sum += value;
  }
  return sum;
}

void LimitCores(double num_cores, CgroupLimits* limits) {
  limits->num_cores = limits->num_cores == 0 ? num_cores : std::min(limits->num_cores, num_cores);
}

void LimitMemory(std::uint64_t limit, std::uint64_t used, std::uint64_t droppable, CgroupLimits* limits) {
  const std::uint64_t held = used - std::min(used, droppable);
  const std::uint64_t left = limit - std::min(limit, held);
  limits->memory_bytes = limits->has_memory_limit ? std::min(limits->memory_bytes, left) : left;
  limits->has_memory_limit = true;
}

void ReadCores(const std::string& folder, CgroupLimits* limits) {
  double quota = 0;
  double period = 0;
  if (const auto line = FirstLine(folder + "/cpu.max")) {  // version 2: "150000 100000" or "max 100000"
    std::istringstream numbers(*line);
    if (numbers >> quota >> period && quota > 0 && period > 0) LimitCores(quota / period, limits);
    return;
  }
  // Version 1; without a limit the quota is -1, which is no unsigned number.
  if (const auto line = FirstLine(folder + "/cpu.cfs_quota_us")) std::istringstream(*line) >> quota;
  if (const auto line = FirstLine(folder + "/cpu.cfs_period_us")) std::istringstream(*line) >> period;
  if (quota > 0 && period > 0) LimitCores(quota / period, limits);
}

void ReadMemory(const std::string& folder, CgroupLimits* limits) {
  if (const auto limit = NumberIn(folder + "/memory.max")) {
    const std::uint64_t used = NumberIn(folder + "/memory.current").value_or(0);
    LimitMemory(*limit, used, DroppableBytes(folder + "/memory.stat", ""), limits);
  }
  // Version 1 says "no limit" by a number near 2^63, which limits nothing here either.
  if (const auto limit = NumberIn(folder + "/memory.limit_in_bytes")) {
    const std::uint64_t used = NumberIn(folder + "/memory.usage_in_bytes").value_or(0);
    LimitMemory(*limit, used, DroppableBytes(folder + "/memory.stat", "total_"), limits);
  }
}

// Calls read(folder) for the group `path` under `mount`, and for every group above it. A container may not see the
// folders of its own path, only the mount, which is then its group.
template <typename ReadFolder>
void WalkUp(const std::string& mount, std::string path, const ReadFolder& read) {
  while (true) {
    if (path == "/") path.clear();
    read(mount + path);
    if (path.empty()) return;
    const std::size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
}

bool HasWord(const std::string& list, std::string_view word) {
  std::istringstream words(list);
  std::string one;
  while (std::getline(words, one, ',')) {
    if (one == word) return true;
  }
  return false;
}

}  // namespace

CgroupLimits ReadCgroupLimits(const std::string& root) {
  CgroupLimits limits;
  const std::string mounts = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;  // "0::/user.slice" (version 2) or "4:cpu,cpuacct:/docker/abc" (version 1)
  while (std::getline(groups, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const auto read_cores = [&limits](const std::string& folder) { ReadCores(folder, &limits); };
    const auto read_memory = [&limits](const std::string& folder) { ReadMemory(folder, &limits); };
    if (controllers.empty()) {
      WalkUp(mounts, path, read_cores);
      WalkUp(mounts, path, read_memory);
    }
    if (HasWord(controllers, "cpu")) WalkUp(mounts + "/cpu", path, read_cores);
    if (HasWord(controllers, "memory")) WalkUp(mounts + "/memory", path, read_memory);
  }
  return limits;
}

}  // namespace thimble
