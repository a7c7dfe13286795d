// SPDX-License-Identifier: Apache-2.0
#include "cli/open_browser.h"

#include "base/text.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace thimble::cli {

namespace {

#ifdef __APPLE__
constexpr const char* kOpener = "open";
constexpr bool kNeedsDisplay = false;
#else
constexpr const char* kOpener = "xdg-open";
constexpr bool kNeedsDisplay = true;
#endif
constexpr int kFailed = 127;

bool HasVariable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// In the child: nothing of what this process has open, above all not the socket that it listens on.
void LetGoOfFiles() {
  const int nothing = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2 && nothing >= 0; ++fd) dup2(nothing, fd);
  const long most = sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < (most > 0 && most < 4096 ? static_cast<int>(most) : 4096); ++fd) close(fd);
}

// The program's path; empty where no folder of PATH has it.
std::string FindProgram(const char* name) {
  const char* const path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(folder.size() < rest.size() ? folder.size() + 1 : rest.size());
    std::string found = Cat(folder, "/", name);
    if (folder.starts_with('/') && access(found.c_str(), X_OK) == 0) return found;
  }
  return "";
}

}  // namespace

bool CanOpenBrowser() {
  if (isatty(STDOUT_FILENO) == 0) return false;
  return !kNeedsDisplay || HasVariable("DISPLAY") || HasVariable("WAYLAND_DISPLAY");
}

// By a child of a child: what it becomes is nobody's to wait for, and Ctrl-C in our terminal is not for it.
bool OpenBrowser(const std::string& url) {
  const std::string program = FindProgram(kOpener);
  if (program.empty()) return false;
  const pid_t child = fork();
  if (child == 0) {
    // A session of its own before this program may end: the end of a terminal's first program would take the browser
    // along.
    setsid();
    if (fork() != 0) _exit(0);
    LetGoOfFiles();
    execl(program.c_str(), kOpener, url.c_str(), static_cast<char*>(nullptr));
    _exit(kFailed);
  }
  while (child > 0 && waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return child > 0;
}

}  // namespace thimble::cli
