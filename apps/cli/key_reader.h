// SPDX-License-Identifier: Apache-2.0
// Keys from a terminal, character by character, with the signals that concern whoever waits for one.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>

namespace thimble::cli {

// Reads standard input as long as it lives, and catches SIGINT and SIGWINCH. One at a time.
class KeyReader {
 public:
  KeyReader();
  ~KeyReader();
  KeyReader(const KeyReader&) = delete;
  KeyReader& operator=(const KeyReader&) = delete;

  enum class Event {
    kKey,
    kEnd,        // the terminal is gone
    kInterrupt,  // Ctrl-C; what was typed ahead is dropped
    kRedraw,     // the window has another size, or the program goes on after Ctrl-Z
  };
  // Waits for a key. UTF-8 is decoded, U+FFFD stands for what is none. A signal that arrives at any time after the last
  // call is told by this one: nothing is missed between looking and waiting.
  Event Read(wchar_t* key);
  // Ctrl-C was pressed and not yet told of.
  [[nodiscard]] static bool has_interrupt();
  // Forgets signals that arrived so far.
  void ForgetSignals();

 private:
  bool Fill(bool* is_end);
  void DrainWakeups();

  struct sigaction previous_interrupt_{};
  struct sigaction previous_resize_{};
  int keys_ = 0;  // descriptor of the terminal
  std::array<char, 4096> bytes_{};
  std::size_t begin_ = 0;  // bytes_[begin_, end_) are read and not yet given out
  std::size_t end_ = 0;
};

}  // namespace thimble::cli
