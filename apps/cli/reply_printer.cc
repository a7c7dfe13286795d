// SPDX-License-Identifier: Apache-2.0
#include "cli/reply_printer.h"

#include "base/text.h"
#include "cli/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace thimble::cli {

namespace {

struct Range {
  char32_t first;
  char32_t last;
};
// Characters that take two columns (East Asian wide and emoji) or none (combining marks, joiners); blocks rather than
// single characters, for a wrong guess costs an early line break only.
constexpr std::array<Range, 9> kWide = {{{0x1100, 0x115F},
                                         {0x2E80, 0x303E},
                                         {0x3041, 0xA4CF},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0x1F300, 0x1FAFF},
                                         {0x20000, 0x3FFFD}}};
constexpr std::array<Range, 6> kNarrow = {
    {{0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0x1F3FB, 0x1F3FF}}};

template <std::size_t kCount>
bool IsIn(const std::array<Range, kCount>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

int Columns(char32_t c) {
  if (IsIn(kNarrow, c)) return 0;
  return IsIn(kWide, c) ? 2 : 1;
}

constexpr int kTab = 8;

}  // namespace

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
  } else {
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
