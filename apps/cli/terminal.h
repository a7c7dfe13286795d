// SPDX-License-Identifier: Apache-2.0
// Output for people and for programs: messages on stderr, progress bars and colours only on terminals, JSON on stdout.
#pragma once

#include "base/result.h"
#include "files/json.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace thimble::cli {

// Exit statuses (docs/cli.md).
inline constexpr int kExitOk = 0;
inline constexpr int kExitUnexpected = 1;
inline constexpr int kExitInvalid = 2;
inline constexpr int kExitExhausted = 3;
inline constexpr int kExitNotFound = 4;
inline constexpr int kExitCorrupt = 5;
inline constexpr int kExitInterrupted = 130;

int ExitStatus(Code code);
// Prints "thimble: message" to stderr, control bytes escaped; returns the exit status that goes with the error.
int Fail(const Error& error);
void Warn(std::string_view message);
// "thimble: message" on stderr: for what people asked to be told.
void Say(std::string_view message);
// A count that people read: "1,204".
std::string Grouped(std::int64_t count);

// Chooses the locale by which libedit reads characters and wcwidth() knows their widths; where it is an ASCII one,
// people write UTF-8 all the same. To be called once, before either.
void UseUtf8();

bool IsTerminal(int fd);
// Columns of the terminal behind fd; 80 when unknown.
int TerminalWidth(int fd);

// A token's bytes on one line between quotes, whatever they are: "Hel", "\n", "\xf0\x9f".
std::string QuoteBytes(std::string_view bytes);

// SGR colours are wanted: a terminal, and NO_COLOR is not set.
bool HasColours(int fd);

// Writes to stdout; false when that fails (disk full, closed).
bool Write(std::string_view text);
// One JSON object and a newline on stdout; kExitOk, or kExitCorrupt when it cannot be written.
int PrintJson(const Json& json);

// A bar on stderr, drawn only on a terminal and only when the work takes longer than a moment
// (0.3 s, or the seconds in THIMBLE_PROGRESS_DELAY).
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void Show(double share);
  void Clear();

 private:
  std::string label_;
  bool is_active_;
  bool has_colours_;
  bool is_shown_ = false;
  double first_;  // not before
  double last_ = 0;
};

}  // namespace thimble::cli
