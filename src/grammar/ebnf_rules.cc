// SPDX-License-Identifier: Apache-2.0
#include "grammar/ebnf_rules.h"

#include <array>
#include <cstddef>
#include <utility>

namespace thimble {

namespace {

struct Change {
  std::string_view from;
  std::string_view to;
};

constexpr std::string_view kUnicodeEscape = R"(("u" [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9]))";
constexpr std::array<Change, 5> kChanges = {{
    {kUnicodeEscape,
     R"(("u" [0-9A-CEFa-cef] [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9]) | ("u" [Dd] [0-7] [A-Fa-f0-9] [A-Fa-f0-9]))"},
    {R"([^\"\\\r\n])", R"([^\0-\x1f\"\\\ud800-\udfff])"},
    {R"([^\0-\x1f\"\\\r\n])", R"([^\0-\x1f\"\\\ud800-\udfff])"},
    {"[0-9]*", "[0-9]{0,17}"},
    {R"([ \n\r\t])", R"([ \n\t])"},
}};

// Behind a literal or a class that begins at `at`.
std::size_t SkipTo(std::string_view text, std::size_t at, char close) {
  for (++at; at < text.size() && text[at] != close; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at < text.size() ? at + 1 : text.size();
}

// How far a name goes on that begins with `part`, with the numbers that tell it from others; 0: there is none.
std::size_t NameEnd(std::string_view rest, std::string_view part) {
  if (!rest.starts_with(part)) return 0;
  std::size_t end = part.size();
  while (end < rest.size() && (rest[end] == '_' || (rest[end] >= '0' && rest[end] <= '9'))) ++end;
  return end;
}

class Tightener {
 public:
  explicit Tightener(std::string_view ebnf) : ebnf_(ebnf) {}

  std::string Run() {
    while (at_ < ebnf_.size()) {
      const std::string_view rest = ebnf_.substr(at_);
      if (Change(rest) || LimitDigits(rest) || FreeTail(rest)) continue;
      if (rest.starts_with("[eE]")) is_exponent_ = true;
      if (rest.starts_with('\n')) is_exponent_ = false;
      const bool is_literal = rest[0] == '"' || rest[0] == '[';
      const std::size_t next = is_literal ? SkipTo(ebnf_, at_, rest[0] == '"' ? '"' : ']') : at_ + 1;
      out_ += ebnf_.substr(at_, next - at_);
      at_ = next;
    }
    const bool has_json = ebnf_.find("basic_escape ::=") != std::string_view::npos;
    return has_json && !has_escape_ ? std::string() : std::move(out_);
  }

 private:
  bool Change(std::string_view rest) {
    for (const struct Change& one : kChanges) {
      if (!rest.starts_with(one.from)) continue;
      has_escape_ = has_escape_ || one.from == kUnicodeEscape;
      out_ += one.to;
      at_ += one.from.size();
      return true;
    }
    return false;
  }

  bool LimitDigits(std::string_view rest) {
    constexpr std::string_view kMany = "{1, -1}";
    const std::size_t end = NameEnd(rest, "_digits");
    if (end == 0 || !rest.substr(end).starts_with(kMany)) return false;
    out_ += rest.substr(0, end);
    out_ += is_exponent_ ? "{1,2}" : "{1,17}";
    at_ += end + kMany.size();
    return true;
  }

  // A string that must not be empty: behind its first character any string's end, which may hold escapes. (With more
  // than one the grammar becomes far larger.)
  bool FreeTail(std::string_view rest) {
    const std::size_t end = NameEnd(rest, "_characters");
    if (end == 0) return false;
    constexpr std::string_view kFromOne = R"({1, -1} "\"")";
    if (!rest.substr(end).starts_with(kFromOne)) return false;
    out_ += rest.substr(0, end);
    out_ += " basic_string_sub";
    at_ += end + kFromOne.size();
    return true;
  }

  std::string_view ebnf_;
  std::size_t at_ = 0;
  std::string out_;
  bool has_escape_ = false;
  bool is_exponent_ = false;  // behind [eE]
};

}  // namespace

std::string TightenJsonRules(std::string_view ebnf) { return Tightener(ebnf).Run(); }

}  // namespace thimble
