// SPDX-License-Identifier: Apache-2.0
#include "grammar/ebnf_rules.h"

#include <array>
#include <cstddef>

namespace thimble {

namespace {

struct Change {
  std::string_view from;
  std::string_view to;
};

constexpr std::string_view kUnicodeEscape = R"(("u" [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9]))";
constexpr std::array<Change, 3> kChanges = {{
    {kUnicodeEscape,
     R"(("u" [0-9A-CEFa-cef] [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9]) | ("u" [Dd] [0-7] [A-Fa-f0-9] [A-Fa-f0-9]))"},
    {R"([^\"\\\r\n])", R"(([^\0-\x1f\"\\] | "\\" [\"\\/bfnrt]))"},
    {"[0-9]*", "[0-9]{0,17}"},
}};

// Behind a literal or a class that begins at `at`.
std::size_t SkipTo(std::string_view text, std::size_t at, char close) {
  for (++at; at < text.size() && text[at] != close; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at < text.size() ? at + 1 : text.size();
}

}  // namespace

std::string TightenJsonRules(std::string_view ebnf) {
  std::string out;
  bool has_escape = false;
  bool is_exponent = false;  // behind [eE]
  for (std::size_t at = 0; at < ebnf.size();) {
    const std::string_view rest = ebnf.substr(at);
    const Change* change = nullptr;
    for (const Change& one : kChanges) {
      if (rest.starts_with(one.from)) change = &one;
    }
    if (change != nullptr) {
      has_escape = has_escape || change->from == kUnicodeEscape;
      out += change->to;
      at += change->from.size();
      continue;
    }
    if (rest.starts_with("[eE]")) is_exponent = true;
    if (rest.starts_with('\n')) is_exponent = false;
    constexpr std::string_view kDigits = "_digits";
    constexpr std::string_view kMany = "{1, -1}";
    if (rest.starts_with(kDigits)) {
      std::size_t end = kDigits.size();
      while (end < rest.size() && (rest[end] == '_' || (rest[end] >= '0' && rest[end] <= '9'))) ++end;
      out += rest.substr(0, end);
      at += end;
      if (!rest.substr(end).starts_with(kMany)) continue;
      out += is_exponent ? "{1,2}" : "{1,17}";
      at += kMany.size();
      continue;
    }
    const bool is_literal = rest[0] == '"' || rest[0] == '[';
    const std::size_t next = is_literal ? SkipTo(ebnf, at, rest[0] == '"' ? '"' : ']') : at + 1;
    out += ebnf.substr(at, next - at);
    at = next;
  }
  const bool has_json = ebnf.find("basic_escape ::=") != std::string_view::npos;
  return has_json && !has_escape ? std::string() : out;
}

}  // namespace thimble
