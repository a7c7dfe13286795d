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

int PrintJson(const Json& json) {
  if (Write(json.Dump() + "\n")) return kExitOk;
  return Fail(Error{Code::kSystem, "[output] standard output could not be written"});
}

ProgressBar::ProgressBar(std::string label)
    : label_(std::move(label)), is_active_(IsTerminal(STDERR_FILENO)), begin_(MonotonicSeconds()) {}
ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Show(double share) {
  const double now = MonotonicSeconds();
  // Nothing for work that is over before one could read it; at most twenty times a second.
  if (!is_active_ || now - begin_ < 0.3 || now - last_ < 0.05) return;
  last_ = now;
  is_shown_ = true;
  constexpr int kCells = 24;
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "█" : "░";
  std::fprintf(stderr, "\r\033[2m%s %s %3d%%\033[0m\033[K", label_.c_str(), bar.c_str(), static_cast<int>(share * 100));
  std::fflush(stderr);
}

void ProgressBar::Clear() {
  if (!is_shown_) return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  is_shown_ = false;
}

ReplyPrinter::ReplyPrinter() : is_terminal_(IsTerminal(STDOUT_FILENO)), width_(TerminalWidth(STDOUT_FILENO)) {}

void ReplyPrinter::SetDim(bool dim) {
  if (!is_terminal_ || dim == is_dim_) return;
  FlushWord();
  std::fputs(dim ? "\033[2m" : "\033[0m", stdout);
  is_dim_ = dim;
}

void ReplyPrinter::FlushWord() {
  if (word_.empty()) return;
  if (is_terminal_ && column_ > 0 && column_ + word_width_ > width_) {
    std::fputc('\n', stdout);
    column_ = 0;
    if (word_[0] == ' ') word_.erase(0, 1);
  }
  std::fwrite(word_.data(), 1, word_.size(), stdout);
  column_ += word_width_;
  word_.clear();
  word_width_ = 0;
}

void ReplyPrinter::Put(std::string_view raw) {
  const std::string text = EscapeControls(raw);
  if (!is_terminal_) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    column_ = text.empty() ? column_ : text.back() == '\n' ? 0 : 1;
    std::fflush(stdout);
    return;
  }
  for (std::string_view rest = text; !rest.empty();) {
    const DecodedChar c = DecodeUtf8(rest);
    if (c.code_point == '\n') {
      FlushWord();
      std::fputc('\n', stdout);
      column_ = 0;
    } else {
      if (c.code_point == ' ') FlushWord();
      word_.append(rest.substr(0, static_cast<std::size_t>(c.num_bytes)));
      word_width_ += c.code_point >= 0x1100 && (c.code_point < 0x2000 || c.code_point >= 0x2E80) ? 2 : 1;
      if (c.code_point >= 0x2E80) FlushWord();  // scripts without spaces may break anywhere
    }
    rest.remove_prefix(static_cast<std::size_t>(c.num_bytes));
  }
  FlushWord();
  std::fflush(stdout);
}

void ReplyPrinter::Thinking(std::string_view text) {
  SetDim(true);
  Put(text);
}
void ReplyPrinter::Content(std::string_view text) {
  if (is_dim_) {
    EndLine();
    std::fputc('\n', stdout);
  }
  SetDim(false);
  Put(text);
}
void ReplyPrinter::Note(std::string_view text) {
  EndLine();
  SetDim(true);
  Put(text);
  EndLine();
  SetDim(false);
}
void ReplyPrinter::EndLine() {
  FlushWord();
  if (column_ > 0) std::fputc('\n', stdout);
  column_ = 0;
  SetDim(false);
  std::fflush(stdout);
}

}  // namespace thimble::cli
