// SPDX-License-Identifier: Apache-2.0
// The app's native program: the service on standard input and output (README.md, "The lines").
#include "android/native/child.h"
#include "android/native/self_check.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kHelp =
    "The Android app's native program. It answers requests on standard input, line by line:\n"
    "  {\"start\": {\"models\": FOLDER, \"chats\": FOLDER}}\n"
    "  {\"request\": 1, \"method\": \"GET\", \"path\": \"/v1/models\"}\n"
    "  {\"stop\": true}\n"
    "apps/android/native/README.md has all of them.\n"
    "\n"
    "  --self-check [--builtin MODEL]  what runs on this device, and how fast, as JSON\n"
    "  --version                       the version\n"
    "  --help                          this\n";

std::size_t ReadInput(std::span<char> to) {
  while (true) {
    const ssize_t count = read(STDIN_FILENO, to.data(), to.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return 0;
  }
}

bool WriteOutput(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

int Wrong(const std::string& argument) {
  std::fprintf(stderr, "thimble: [options] there is no option %s here; --help lists them\n", argument.c_str());
  return 2;
}

int CheckSelf(std::span<const std::string> arguments) {
  thimble::android::SelfCheckOptions options;
  options.version = THIMBLE_VERSION;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] != "--builtin") return Wrong(arguments[i]);
    if (++i == arguments.size()) {
      std::fputs("thimble: [options] --builtin takes the path of a model\n", stderr);
      return 2;
    }
    options.builtin = arguments[i];
  }
  const thimble::Json report = thimble::android::SelfCheck(options);
  if (!WriteOutput(report.Dump(thimble::Json::Style::kPretty) + "\n")) return 5;
  return report.Find("passed")->bool_value() ? 0 : 1;
}

int Main(const std::vector<std::string>& arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  if (!arguments.empty()) {
    if (arguments[0] == "--self-check") return CheckSelf(std::span(arguments).subspan(1));
    if (arguments[0] == "--help") return WriteOutput(kHelp) ? 0 : 5;
    if (arguments[0] == "--version") return WriteOutput(THIMBLE_VERSION "\n") ? 0 : 5;
    return Wrong(arguments[0]);
  }
  thimble::android::FrameWriter out(WriteOutput);
  thimble::android::FrameReader in(ReadInput);
  return thimble::android::RunChild(&in, &out);
}

}  // namespace

int main(int count, char** values) {
  try {
    return Main({values + 1, values + std::max(count, 1)});
  } catch (const std::bad_alloc&) {
    std::fputs("thimble: [memory] there is none left\n", stderr);
    return 3;
  }
}
