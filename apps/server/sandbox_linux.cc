// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "server/sandbox.h"
#include "server/seccomp_filter.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace thimble::server {

namespace {

// Landlock's interface (Documentation/userspace-api/landlock.rst), which older headers know only in part.
constexpr long kCreateRuleset = 444;
constexpr long kAddRule = 445;
constexpr long kRestrictSelf = 446;
constexpr unsigned kAskVersion = 1;
constexpr int kPathBeneath = 1;

constexpr std::uint64_t Bit(int index) { return std::uint64_t{1} << index; }
constexpr std::uint64_t kExecute = Bit(0);
constexpr std::uint64_t kWriteFile = Bit(1);
constexpr std::uint64_t kReadFile = Bit(2);
constexpr std::uint64_t kReadFolder = Bit(3);
constexpr std::uint64_t kMakeDevice = Bit(6) | Bit(11);
constexpr std::uint64_t kMakeSocket = Bit(9);
constexpr std::uint64_t kFirstAbi = Bit(13) - 1;
constexpr std::uint64_t kRefer = Bit(13);            // ABI 2: moving between folders
constexpr std::uint64_t kTruncate = Bit(14);         // ABI 3
constexpr std::uint64_t kIoctl = Bit(15);            // ABI 5
constexpr std::uint64_t kNetwork = Bit(0) | Bit(1);  // ABI 4: to bind and connect TCP
constexpr std::uint64_t kScopes = Bit(0) | Bit(1);   // ABI 6: abstract sockets, signals
constexpr int kNetworkAbi = 4;
constexpr int kScopesAbi = 6;

struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scopes = 0;
};

struct [[gnu::packed]] PathRule {
  std::uint64_t allowed = 0;
  std::int32_t fd = -1;
};

Ruleset HandledBy(int abi) {
  Ruleset handled;
  handled.files = kFirstAbi;
  if (abi >= 2) handled.files |= kRefer;
  if (abi >= 3) handled.files |= kTruncate;
  if (abi >= 5) handled.files |= kIoctl;
  if (abi >= kNetworkAbi) handled.network = kNetwork;
  if (abi >= kScopesAbi) handled.scopes = kScopes;
  return handled;
}

// Lets `path` through. What is not there, or may not be looked at, needs no rule. Rules hold for what the kernel keeps
// in memory of a path; of /proc it forgets that, so `stays_open` keeps it.
int Allow(int ruleset, const std::string& path, std::uint64_t allowed, bool stays_open) {
  const int fd = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (fd < 0) return 0;
  struct stat facts{};
  int error = fstat(fd, &facts) == 0 ? 0 : errno;
  if (error == 0 && !S_ISDIR(facts.st_mode)) allowed &= kExecute | kWriteFile | kReadFile | kTruncate | kIoctl;
  const PathRule rule{allowed, fd};
  if (error == 0 && syscall(kAddRule, ruleset, kPathBeneath, &rule, 0) != 0) error = errno;
  if (error != 0 || !stays_open) close(fd);
  return error;
}

int AddRules(int ruleset, const SandboxRules& rules, std::uint64_t handled) {
  const std::uint64_t read = kReadFile | kReadFolder;
  const std::uint64_t write = handled & ~(kExecute | kMakeDevice | kMakeSocket | kIoctl);
  constexpr std::array<const char*, 7> kSystemFiles = {
      "/proc/self",     "/proc/meminfo",           "/proc/cpuinfo",
      "/sys/fs/cgroup", "/sys/devices/system/cpu", "/sys/devices/system/node",
      "/dev/urandom"};
  int error = Allow(ruleset, "/dev/null", kReadFile | kWriteFile, false);
  for (const char* path : kSystemFiles) {
    if (error == 0) error = Allow(ruleset, path, read, std::string_view(path).starts_with("/proc/"));
  }
  for (const std::string& path : rules.readable) {
    if (error == 0) error = Allow(ruleset, path, read, false);
  }
  for (const std::string& path : rules.writable) {
    if (error == 0) error = Allow(ruleset, path, write, false);
  }
  return error;
}

std::string Reason(std::string_view what, int error) {
  const bool is_missing = error == ENOSYS || error == EOPNOTSUPP || error == EINVAL;
  return Cat(what, is_missing ? ": not in this kernel (" : ": refused (", std::strerror(error), ")");
}

}  // namespace

void RestrictFiles(const SandboxRules& rules, SandboxReport* report) {
  const long abi = syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  if (abi < 1) {
    report->lacks.push_back(Reason("file rules (Landlock)", abi < 0 ? errno : ENOSYS));
    return;
  }
  const Ruleset handled = HandledBy(static_cast<int>(abi));
  const auto ruleset = static_cast<int>(syscall(kCreateRuleset, &handled, sizeof handled, 0));
  if (ruleset < 0) {
    report->lacks.push_back(Reason("file rules (Landlock)", errno));
    return;
  }
  int error = AddRules(ruleset, rules, handled.files);
  if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) error = errno;
  if (error == 0 && syscall(kRestrictSelf, ruleset, 0) != 0) error = errno;
  close(ruleset);
  if (error != 0) {
    report->lacks.push_back(Reason("file rules (Landlock)", error));
    return;
  }
  report->landlock_abi = static_cast<int>(abi);
  report->has_files = true;
  report->has_network = abi >= kNetworkAbi;
  report->has_scopes = abi >= kScopesAbi;
  if (!report->has_network)
    report->lacks.push_back(Cat("Landlock's network rules: this kernel's version is ", abi, ", they came with 4"));
  if (!report->has_scopes)
    report->lacks.push_back(Cat("Landlock's rules for signals: this kernel's version is ", abi, ", they came with 6"));
}

void RestrictCalls(SandboxReport* report) {
  const std::vector<sock_filter> filter = MakeSeccompFilter();
  if (filter.empty()) {
    report->lacks.emplace_back("refused system calls (seccomp): there is no table for this processor");
    return;
  }
  const sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  errno = 0;
  int error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
  if (error == 0) {
    // A number above 0 is a thread that has a filter of its own already, and so cannot take this one.
    const long result = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (result != 0) error = result < 0 ? errno : EBUSY;
  }
  if (error != 0) {
    report->lacks.push_back(Reason("refused system calls (seccomp)", error));
    return;
  }
  report->has_calls = true;
}

}  // namespace thimble::server
