// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include "base/text.h"
#include "sys/machine.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace thimble::cli {

int ExitStatus(Code code) {
  switch (code) {
    case Code::kInvalid:
      return kExitInvalid;
    case Code::kExhausted:
      return kExitExhausted;
    case Code::kNotFound:
    case Code::kUnsupported:
      return kExitNotFound;
    case Code::kCorrupt:
    case Code::kSystem:
      return kExitCorrupt;
    case Code::kCancelled:
      return kExitInterrupted;
  }
  return kExitUnexpected;
}

int Fail(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "thimble: %s\n", EscapeControls(error.message).c_str());
  return ExitStatus(error.code);
}

void Warn(std::string_view message) { std::fprintf(stderr, "thimble: warning: %s\n", EscapeControls(message).c_str()); }

void Say(std::string_view message) { std::fprintf(stderr, "thimble: %s\n", EscapeControls(message).c_str()); }

std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

bool HasColours(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return IsTerminal(fd) && (no_colour == nullptr || *no_colour == '\0');
}

bool IsTerminal(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) != 0 && (term == nullptr || std::string_view(term) != "dumb");
}

int TerminalWidth(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
  return 80;
}

bool Write(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

namespace {

// Python's splitlines() and other readers of lines take these for line ends, though JSON allows them in strings.
std::string EscapeLineEnds(std::string json) {
  constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
      {"\u0085", "\\u0085"}, {"\u2028", "\\u2028"}, {"\u2029", "\\u2029"}};
  for (const auto& [sign, escape] : kEscapes) {
    for (std::size_t at = json.find(sign); at != std::string::npos; at = json.find(sign, at + escape.size())) {
      json.replace(at, sign.size(), escape);
    }
  }
  return json;
}

}  // namespace

int PrintJson(const Json& json) {
  if (Write(EscapeLineEnds(json.Dump()) + "\n")) return kExitOk;
  return Fail(Error{Code::kSystem, "[output] standard output could not be written"});
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)),
      is_active_(IsTerminal(STDERR_FILENO)),
      has_colours_(HasColours(STDERR_FILENO)),
      begin_(MonotonicSeconds()) {}
ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Show(double share) {
  const double now = MonotonicSeconds();
  // Nothing for work that is over before one could read it; at most twenty times a second.
  if (!is_active_ || now - begin_ < 0.3 || now - last_ < 0.05) return;
  last_ = now;
  is_shown_ = true;
  constexpr int kCells = 24;
  share = std::clamp(share, 0.0, 1.0);
  const int full = static_cast<int>(share * kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "█" : "░";
  std::fprintf(stderr, "\r%s%s %s %3d%%%s\033[K", has_colours_ ? "\033[2m" : "", label_.c_str(), bar.c_str(),
               static_cast<int>(share * 100), has_colours_ ? "\033[0m" : "");
  std::fflush(stderr);
}

void ProgressBar::Clear() {
  if (!is_shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  is_shown_ = false;
}

}  // namespace thimble::cli
