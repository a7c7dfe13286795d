// SPDX-License-Identifier: Apache-2.0
#include "cli/reply_printer.h"

#include "base/text.h"
#include "cli/reply_json.h"
#include "cli/terminal.h"

#include <unistd.h>

#include <cstdio>
#include <cwchar>

namespace thimble::cli {

namespace {

// Columns that a terminal gives a character: two for East Asian wide ones and emoji, none for combining marks.
int Columns(char32_t c) {
  const int columns = wcwidth(static_cast<wchar_t>(c));
  return columns < 0 ? 1 : columns;
}

constexpr int kTab = 8;

}  // namespace

void ShowBeforeTheReply(const Event& event, ProgressBar* bar, const std::function<void(const std::string&)>& say) {
  if (event.kind == Event::Kind::kPromptProgress) {
    bar->Show(event.share);
  } else {
    bar->Clear();
  }
  if (event.kind == Event::Kind::kWarning) Warn(event.text);
  if (event.kind != Event::Kind::kPictures) return;
  for (const std::string& line : ReadingLines(event.pictures)) say(line);
}

ReplyPrinter::ReplyPrinter() : is_terminal_(IsTerminal(STDOUT_FILENO)), has_colours_(HasColours(STDOUT_FILENO)) {
  Begin();
}

void ReplyPrinter::Begin() {
  // The last column stays free: where a cursor stands after writing there, terminals disagree.
  width_ = TerminalWidth(STDOUT_FILENO) - 1;
  has_written_ = false;
}

void ReplyPrinter::SetStyle(Style style) {
  if (style == style_) return;
  style_ = style;
  if (has_colours_) std::fputs(style == Style::kDim ? "\033[2m" : "\033[0m", stdout);
}

void ReplyPrinter::BreakLine() {
  std::fputc('\n', stdout);
  column_ = 0;
  word_.clear();
  word_width_ = 0;
}

void ReplyPrinter::PutChar(std::string_view bytes, char32_t code_point) {
  const int columns = code_point == '\t' ? kTab - column_ % kTab : Columns(code_point);
  const bool is_space = code_point == ' ' || code_point == '\t';
  if (column_ + columns > width_) {
    if (is_space) return BreakLine();
    if (word_width_ > 0 && word_width_ < column_) {
      // The word began on this line and does not fit: take it along to the next one.
      std::fprintf(stdout, "\033[%dD\033[K\n", word_width_);
      std::fwrite(word_.data(), 1, word_.size(), stdout);
      column_ = word_width_;
    } else {
      BreakLine();
    }
  }
  if (code_point == '\t') {
    std::fprintf(stdout, "%*s", columns, "");
  } else {
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  }
  column_ += columns;
  // Scripts without spaces may break anywhere: their characters are no part of a word.
  if (is_space || columns == 2) {
    word_.clear();
    word_width_ = 0;
  } else if (columns > 0 || !word_.empty()) {  // a mark on a character that is no part of a word is none either
    word_.append(bytes);
    word_width_ += columns;
  }
}

void ReplyPrinter::Put(std::string_view raw) {
  const std::string text = EscapeControls(raw);
  if (text.empty()) return;
  if (!is_terminal_) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    column_ = text.back() == '\n' ? 0 : 1;
    std::fflush(stdout);
    return;
  }
  for (std::string_view rest = text; !rest.empty();) {
    const DecodedChar c = DecodeUtf8(rest);
    if (c.code_point == '\n') {
      ++held_newlines_;  // none at the beginning, none at the end
    } else {
      for (; held_newlines_ > 0; --held_newlines_) {
        if (has_written_) BreakLine();
      }
      has_written_ = true;
      PutChar(rest.substr(0, static_cast<std::size_t>(c.num_bytes)), c.code_point);
    }
    rest.remove_prefix(static_cast<std::size_t>(c.num_bytes));
  }
  std::fflush(stdout);
}

void ReplyPrinter::Thinking(std::string_view text) {
  if (!is_terminal_) return;
  if (!has_colours_ && style_ == Style::kPlain) Put("(thinking)\n");
  SetStyle(Style::kDim);
  Put(text);
}

void ReplyPrinter::Content(std::string_view text) {
  if (style_ == Style::kDim) {
    EndLine();
    if (has_written_) std::fputc('\n', stdout);
    has_written_ = false;
  }
  Put(text);
}

void ReplyPrinter::Note(std::string_view text) {
  EndLine();
  if (!is_terminal_) return Say(text);
  SetStyle(Style::kDim);
  Put(text);
  EndLine();
}

void ReplyPrinter::EndLine() {
  held_newlines_ = 0;
  if (column_ > 0) BreakLine();
  SetStyle(Style::kPlain);
  std::fflush(stdout);
}

}  // namespace thimble::cli
