// SPDX-License-Identifier: Apache-2.0
#include "grammar/ebnf_rules.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <utility>
#include <vector>

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

bool IsNameCharacter(char c) {
  return c == '_' || c == '-' || c == '.' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
std::string_view NameAt(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && IsNameCharacter(text[end])) ++end;
  return text.substr(0, end);
}
// Whether a name ends in `part`, with or without the numbers that tell it from others.
bool EndsIn(std::string_view name, std::string_view part) {
  const std::size_t at = name.rfind(part);
  return at != std::string_view::npos &&
         name.find_first_not_of("_0123456789", at + part.size()) == std::string_view::npos;
}

// Escapes with braces as the rules write them.
std::string WithLongEscapes(std::string_view piece) {
  constexpr std::size_t kDigits = 8;
  std::string out;
  for (std::size_t at = 0; at < piece.size();) {
    if (!piece.substr(at).starts_with("\\u{")) {
      out += piece[at++];
      continue;
    }
    const std::size_t close = piece.find('}', at);
    const std::string_view digits = piece.substr(at + 3, close - at - 3);
    out.append("\\U").append(kDigits - digits.size(), '0').append(digits);
    at = close + 1;
  }
  return out;
}

std::string SetName(std::size_t index) { return Cat("pattern_set_", index); }

// `sets`: the classes that are repeated a number of times, which become rules of their own: XGrammar counts how often a
// rule comes, but writes out what is no rule.
std::string PatternRules(std::string_view pattern, std::vector<std::string>* sets) {
  std::string out = "(";
  int depth = 0;
  bool has_choice = false;  // outside of groups
  std::size_t atom = 0;     // where the last class begins in it; 0: what came last is none
  for (std::size_t at = 0; at < pattern.size();) {
    const char c = pattern[at];
    std::size_t next = at + 1;
    if (c == '[') {
      next = SkipTo(pattern, at, ']');
    } else if (c == '{') {
      next = pattern.find('}', at) + 1;
    } else if (c == '\\') {
      next = pattern[at + 2] == '{' ? pattern.find('}', at) + 1 : at + 6;
    }
    const std::string piece = WithLongEscapes(pattern.substr(at, next - at));
    const bool is_character =
        c == '\\' || c == ' ' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    has_choice = has_choice || (c == '|' && depth == 0);
    const bool is_repeat = c == '{' || c == '*' || c == '+' || c == '?';
    // What stands between '(', '|' and ')' may be empty.
    if ((c == '|' || c == ')') && (out.back() == '(' || out.back() == '|')) out += "\"\"";
    if (!is_repeat) out += ' ';
    if (c == '{' && atom != 0) {
      const std::string set = out.substr(atom);
      const auto known = std::find(sets->begin(), sets->end(), set);
      out.erase(atom);
      out += SetName(static_cast<std::size_t>(known - sets->begin()));
      if (known == sets->end()) sets->push_back(set);
    }
    atom = c == '[' ? out.size() : 0;
    if (is_character) {
      out.append("\"").append(piece).append("\"");
    } else {
      out += piece;
    }
    at = next;
  }
  if (out.back() == '(' || out.back() == '|') out += "\"\"";
  // Without brackets XGrammar sees what follows a repeat: only then it counts.
  return has_choice ? out + ")" : out.substr(1);
}

class Tightener {
 public:
  Tightener(std::string_view ebnf, std::span<const std::string> patterns) : ebnf_(ebnf), named_(patterns) {
    for (std::size_t i = 0; i < patterns.size(); ++i) index_of_.emplace(PatternName(i), i);
  }

  std::string Run() {
    TakePatterns();
    while (at_ < ebnf_.size()) {
      const std::string_view rest = ebnf_.substr(at_);
      if (rest.starts_with("[eE]")) is_exponent_ = true;
      if (rest.starts_with('\n')) is_exponent_ = false;
      if (Change(rest) || Name(rest)) continue;
      const bool is_literal = rest[0] == '"' || rest[0] == '[';
      const std::size_t next = is_literal ? SkipTo(ebnf_, at_, rest[0] == '"' ? '"' : ']') : at_ + 1;
      out_ += ebnf_.substr(at_, next - at_);
      at_ = next;
    }
    for (std::size_t i = 0; i < sets_.size(); ++i) out_ += Cat("\n", SetName(i), " ::= ", sets_[i]);
    const bool has_json = ebnf_.find("basic_escape ::=") != std::string_view::npos;
    return has_json && !has_escape_ ? std::string() : std::move(out_);
  }

 private:
  static constexpr std::string_view kRegex = " ::= Regex(\"";

  // The rules that are patterns (as grammar/pattern.h writes them). They are spelled out where they are used: as rules
  // of their own, or as automata, they make far larger grammars.
  void TakePatterns() {
    for (std::size_t begin = 0; begin < ebnf_.size(); begin = std::min(ebnf_.find('\n', begin), ebnf_.size() - 1) + 1) {
      const std::string_view line = ebnf_.substr(begin);
      const std::string_view name = NameAt(line);
      if (!line.substr(name.size()).starts_with(kRegex)) continue;
      const std::size_t open = name.size() + kRegex.size() - 1;
      const std::size_t close = SkipTo(line, open, '"');
      std::string pattern;
      for (std::size_t i = open + 1; i + 1 < close; ++i) {
        if (line[i] == '\\') ++i;
        pattern += line[i];
      }
      const auto named = index_of_.find(pattern);
      patterns_.emplace(name, PatternRules(named == index_of_.end() ? pattern : named_[named->second], &sets_));
    }
  }

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

  bool Name(std::string_view rest) {
    const std::string_view name = NameAt(rest);
    if (name.empty()) return false;
    const std::string_view behind = rest.substr(name.size());
    constexpr std::string_view kMany = "{1, -1}";
    constexpr std::string_view kFromOne = R"({1, -1} "\"")";
    at_ += name.size();
    if (behind.starts_with(kRegex) && patterns_.contains(name)) {
      at_ = std::min(ebnf_.find('\n', at_), ebnf_.size());
      return true;
    }
    if (const auto pattern = patterns_.find(name); pattern != patterns_.end()) {
      out_ += pattern->second;
      return true;
    }
    out_ += name;
    if (EndsIn(name, "_digits") && behind.starts_with(kMany)) {
      out_ += is_exponent_ ? "{1,2}" : "{1,17}";
      at_ += kMany.size();
    }
    // A string that must not be empty: behind its first character any string's end, which may hold escapes. (With more
    // than one the grammar becomes far larger.)
    if (EndsIn(name, "_characters") && behind.starts_with(kFromOne)) {
      out_ += " basic_string_sub";
      at_ += kFromOne.size();
    }
    return true;
  }

  std::string_view ebnf_;
  std::span<const std::string> named_;
  std::map<std::string, std::size_t, std::less<>> index_of_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<std::string> sets_;
  std::map<std::string_view, std::string> patterns_;
  bool has_escape_ = false;
  bool is_exponent_ = false;  // behind [eE]
};

}  // namespace

std::string PatternName(std::size_t index) { return Cat("zqp", index, "z"); }

std::string TightenJsonRules(std::string_view ebnf, std::span<const std::string> patterns) {
  return Tightener(ebnf, patterns).Run();
}

}  // namespace thimble
