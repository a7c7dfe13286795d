// SPDX-License-Identifier: Apache-2.0
// Prints a reply as it is written: on a terminal wrapped at words, with reasoning dimmed; elsewhere the answer alone,
// as it is. Control bytes are escaped in either case.
#pragma once

#include "cli/terminal.h"
#include "engine/session.h"

#include <functional>
#include <string>
#include <string_view>

namespace thimble::cli {

// What a reply's events tell beside its words: how far reading is, warnings, and, by `say`, how pictures are read.
void ShowBeforeTheReply(const Event& event, ProgressBar* bar, const std::function<void(const std::string&)>& say);

class ReplyPrinter {
 public:
  ReplyPrinter();
  // A new reply begins; the terminal may have another width by now.
  void Begin();
  void Thinking(std::string_view text);  // nothing when stdout is no terminal
  void Content(std::string_view text);
  // A dim line of our own; on stderr when stdout is no terminal.
  void Note(std::string_view text);
  // Ends the line that is open.
  void EndLine();

 private:
  enum class Style { kPlain, kDim };
  void SetStyle(Style style);
  void Put(std::string_view text);
  void PutChar(std::string_view bytes, char32_t code_point);
  void BreakLine();

  bool is_terminal_;
  bool has_colours_;
  bool has_written_ = false;  // something of this reply
  Style style_ = Style::kPlain;
  int width_ = 80;
  int column_ = 0;
  int held_newlines_ = 0;  // printed when something follows
  std::string word_;       // the unfinished word at the end of the line, already printed; moves when it does not fit
  int word_width_ = 0;
};

}  // namespace thimble::cli
