// SPDX-License-Identifier: Apache-2.0
// The terminal of a chat between two lines: keys do not show and keep for the next line, whatever they are.
#pragma once

namespace thimble::cli {

// As long as it lives, the terminal neither echoes what is typed (it would stand in the middle of an answer) nor
// gathers it into lines of its own (a Ctrl-D would be swallowed, an arrow key spoilt): every key waits for the one who
// reads next. Ctrl-C, Ctrl-Z and Ctrl-\ stay signals. One at a time; does nothing unless stdin and stdout are
// terminals.
//
// Whoever leaves the program by a signal, for good or for a while, finds the terminal as it was: SIGINT, SIGTERM,
// SIGHUP and SIGQUIT restore it before they end the program, SIGTSTP before it stops it. Other handlers may replace
// these for a time, and call Restore() if they end the program.
class QuietTerminal {
 public:
  QuietTerminal();
  ~QuietTerminal();
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

  // Gives the terminal back at once; for handlers of signals that end the program.
  static void Restore();
  // Called from a signal handler when the program goes on after Ctrl-Z: what a line editor has drawn is gone. May be
  // nullptr.
  static void OnResume(void (*handler)());

 private:
  bool is_active_ = false;
};

}  // namespace thimble::cli
