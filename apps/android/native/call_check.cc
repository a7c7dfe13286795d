// SPDX-License-Identifier: Apache-2.0
#include "android/native/call_check.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>

namespace thimble::android {

namespace {

using Call = void (*)();
struct Named {
  const char* name;
  Call call;
};

// What is answered with an error was let through: only that counts.
void TryPoll() { (void)poll(nullptr, 0, 0); }
void TryGetAffinity() {
  cpu_set_t mask;
  (void)sched_getaffinity(0, sizeof(mask), &mask);
}
void TrySetAffinity() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) (void)sched_setaffinity(0, sizeof(mask), &mask);
}
void TryRandom() {
  char byte = 0;
  (void)!getrandom(&byte, 1, 0);
}
void TryRemap() {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) (void)mremap(page, 4096, 8192, MREMAP_MAYMOVE);
}
void TryAdvice() {
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) (void)madvise(page, 4096, MADV_DONTNEED);
}
void TryLock() { (void)flock(-1, LOCK_UN); }
void TryTruncate() { (void)!ftruncate(-1, 0); }
void TrySync() { (void)fsync(-1); }
void TryDataSync() { (void)fdatasync(-1); }
void TryStatfs() {
  struct statfs room = {};
  (void)statfs("/", &room);
}
void TryStat() {
  struct stat status = {};
  (void)lstat("/", &status);
}
void TryLimit() {
  rlimit limit{};
  (void)getrlimit(RLIMIT_NOFILE, &limit);
}
void TrySysinfo() {
  struct sysinfo info = {};
  (void)sysinfo(&info);
}
void TryRename() { (void)rename("", ""); }
void TryUnlink() { (void)unlink(""); }
void TryLink() { (void)!symlink("", ""); }
void TryReadLink() {
  char text[2];
  (void)!readlink("", text, sizeof(text));
}
void TryFolder() { (void)mkdir("", 0700); }
void TryMode() { (void)fchmod(-1, 0600); }
void TryOwner() { (void)!fchown(-1, static_cast<uid_t>(-1), static_cast<gid_t>(-1)); }
void TryPipe() {
  int ends[2];
  (void)!pipe(ends);
}
void TrySleep() {
  const timespec none{};
  (void)nanosleep(&none, nullptr);
}

constexpr Named kCalls[] = {
    {"fchmod", TryMode},
    {"fchown", TryOwner},
    {"fdatasync", TryDataSync},
    {"flock", TryLock},
    {"fsync", TrySync},
    {"ftruncate", TryTruncate},
    {"getrandom", TryRandom},
    {"madvise", TryAdvice},
    {"mkdirat", TryFolder},
    {"mremap", TryRemap},
    {"nanosleep", TrySleep},
    {"newfstatat", TryStat},
    {"pipe2", TryPipe},
    {"ppoll", TryPoll},
    {"prlimit64", TryLimit},
    {"readlinkat", TryReadLink},
    {"renameat", TryRename},
    {"sched_getaffinity", TryGetAffinity},
    {"sched_setaffinity", TrySetAffinity},
    {"statfs", TryStatfs},
    {"symlinkat", TryLink},
    {"sysinfo", TrySysinfo},
    {"unlinkat", TryUnlink},
};

bool IsLetThrough(Call call) {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    call();
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status);
}

}  // namespace

std::vector<CallCheck> CheckCalls() {
  std::vector<CallCheck> checks;
  for (const Named& named : kCalls) checks.push_back({named.name, IsLetThrough(named.call)});
  return checks;
}

}  // namespace thimble::android
