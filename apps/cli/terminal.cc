// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "cli/advice.h"
#include "sys/machine.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
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

namespace {

// A message for a terminal: no controls, and no word so long (a picture's data in place of its name) that it would
// bury what is said.
std::string ForPeople(std::string_view message) {
  constexpr std::size_t kLongWord = 400;
  std::string out;
  while (!message.empty()) {
    const std::size_t end = std::min(message.find_first_of(" \t\r\n"), message.size());
    const std::string_view word = message.substr(0, end);
    out += word.size() > kLongWord ? Excerpt(word) : std::string(word);
    if (end < message.size()) out += message[end];
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return EscapeControls(out);
}

}  // namespace

int Fail(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "thimble: %s\n", ForPeople(WordsOf(error)).c_str());
  return ExitStatus(error.code);
}

void Warn(std::string_view message) { std::fprintf(stderr, "thimble: warning: %s\n", ForPeople(message).c_str()); }

void Say(std::string_view message) { std::fprintf(stderr, "thimble: %s\n", ForPeople(message).c_str()); }

std::string Grouped(std::int64_t count) {
  const std::string digits = std::to_string(count);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

std::string QuoteBytes(std::string_view bytes) {
  std::string out = "\"";
  for (const char c : EscapeControls(bytes)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

bool HasColours(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return IsTerminal(fd) && (no_colour == nullptr || *no_colour == '\0');
}

bool IsTerminal(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) != 0 && (term == nullptr || std::string_view(term) != "dumb");
}

void UseUtf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::string_view(nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
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

// JSON allows some characters in strings that do harm on the way: DEL and C1 controls drive terminals, and readers of
// lines (Python's splitlines() is one) take U+0085, U+2028 and U+2029 for line ends. All of them stand in strings only.
std::string EscapeUnsafe(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const DecodedChar c = DecodeUtf8(json);
    if ((c.code_point >= 0x7F && c.code_point <= 0x9F) || c.code_point == 0x2028 || c.code_point == 0x2029) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c.code_point));
      out += escape;
    } else {
      out += json.substr(0, static_cast<std::size_t>(c.num_bytes));
    }
    json.remove_prefix(static_cast<std::size_t>(c.num_bytes));
  }
  return out;
}

}  // namespace

int PrintJson(const Json& json) {
  if (Write(EscapeUnsafe(json.Dump()) + "\n")) return kExitOk;
  return Fail(Error{Code::kSystem, "[output] standard output could not be written"});
}

namespace {

// Seconds of work before a bar appears.
double ProgressDelay() {
  const char* value = std::getenv("THIMBLE_PROGRESS_DELAY");
  return value != nullptr ? std::strtod(value, nullptr) : 0.3;
}

}  // namespace

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)),
      is_active_(IsTerminal(STDERR_FILENO)),
      has_colours_(HasColours(STDERR_FILENO)),
      first_(MonotonicSeconds() + ProgressDelay()) {}
ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Show(double share) {
  const double now = MonotonicSeconds();
  // Nothing for work that is over before one could read it; at most twenty times a second.
  if (!is_active_ || now < first_ || now - last_ < 0.05) return;
  last_ = now;
  is_shown_ = true;
  // Beside the label and the number; a bar that wraps could not be drawn over.
  const int room = TerminalWidth(STDERR_FILENO) - static_cast<int>(label_.size()) - 7;
  const int cells = std::clamp(room, 1, 24);
  share = std::clamp(share, 0.0, 1.0);
  const int full = static_cast<int>(share * cells);
  std::string bar;
  for (int i = 0; i < cells; ++i) bar += i < full ? "█" : "░";
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
