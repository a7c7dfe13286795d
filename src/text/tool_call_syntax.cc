// SPDX-License-Identifier: Apache-2.0
#include "text/tool_call_syntax.h"

#include "text/tool_schema.h"

#include <algorithm>
#include <array>

namespace thimble {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

struct TagText {
  std::string_view text;
  TagKind kind;
  bool has_name;
};
constexpr std::array<TagText, 6> kTags = {{{"<tool_call>", TagKind::kCallOpen, false},
                                           {"</tool_call>", TagKind::kCallClose, false},
                                           {"<function=", TagKind::kFunctionOpen, true},
                                           {"</function>", TagKind::kFunctionClose, false},
                                           {"<parameter=", TagKind::kParameterOpen, true},
                                           {"</parameter>", TagKind::kParameterClose, false}}};

// The tag at text[at] == '<', if it is one or may become one.
CallTag TagAt(std::string_view text, std::size_t at) {
  CallTag tag;
  tag.begin = at;
  const std::string_view rest = text.substr(at);
  for (const TagText& known : kTags) {
    if (rest.size() < known.text.size()) {
      tag.is_cut = tag.is_cut || known.text.starts_with(rest);
      continue;
    }
    if (!rest.starts_with(known.text)) continue;
    tag.end = at + known.text.size();
    if (!known.has_name) {
      tag.kind = known.kind;
      return tag;
    }
    const std::string_view name = text.substr(tag.end, kMaxTagGap);
    const std::size_t close = name.find_first_of("><\r\n");
    if (close == std::string_view::npos) {
      tag.is_cut = name.size() < kMaxTagGap;
    } else if (name[close] == '>' && !BareName(name.substr(0, close)).empty()) {
      tag.kind = known.kind;
      tag.name = name.substr(0, close);
      tag.end += close + 1;
    }
    return tag;
  }
  return tag;
}

// A function's name has no white space inside; that around it is a small model's.
bool IsFunctionName(std::string_view bare) { return bare.find_first_of(" \t") == std::string_view::npos; }

const Json* DeclaredTool(const std::vector<Json>& tools, std::string_view name) {
  const std::string_view bare = BareName(name);
  return IsFunctionName(bare) ? FindTool(tools, bare) : nullptr;
}

// Whether what follows <function=NAME> makes it the beginning of a call.
CallOpening::Kind KindBehindFunction(std::string_view text, std::size_t from) {
  const std::size_t at = SkipSpace(text, from);
  if (at - from > kMaxTagGap) return CallOpening::Kind::kNone;
  if (at == text.size()) return CallOpening::Kind::kUndecided;
  if (text[at] != '<') return CallOpening::Kind::kNone;
  const CallTag next = TagAt(text, at);
  if (next.is_cut) return CallOpening::Kind::kUndecided;
  const bool goes_on =
      next.kind == TagKind::kParameterOpen || next.kind == TagKind::kFunctionClose || next.kind == TagKind::kCallClose;
  return goes_on ? CallOpening::Kind::kFunction : CallOpening::Kind::kNone;
}

// The opening at text[at] == '<'. A kind of kNone: there is none.
CallOpening OpeningAt(std::string_view text, std::size_t at, const std::vector<Json>& tools, CallScope scope) {
  CallOpening opening;
  opening.begin = at;
  CallTag tag = TagAt(text, at);
  const bool is_wrapped = tag.kind == TagKind::kCallOpen;
  if (is_wrapped) {
    const std::size_t next = SkipSpace(text, tag.end);
    if (next - tag.end > kMaxTagGap) return opening;
    if (next == text.size()) {
      opening.kind = CallOpening::Kind::kUndecided;
      return opening;
    }
    if (text[next] == '{' && !tools.empty()) {
      opening.kind = CallOpening::Kind::kJson;
      opening.body = next;
      return opening;
    }
    if (text[next] != '<') return opening;
    tag = TagAt(text, next);
  }
  if (tag.is_cut) opening.kind = CallOpening::Kind::kUndecided;
  if (tag.kind != TagKind::kFunctionOpen) return opening;
  const bool is_exact = is_wrapped && scope == CallScope::kAll && BareName(tag.name) == tag.name;
  if (DeclaredTool(tools, tag.name) == nullptr && !(is_exact && IsFunctionName(tag.name))) return opening;
  opening.kind = KindBehindFunction(text, tag.end);
  opening.body = tag.end;
  opening.name = BareName(tag.name);
  return opening;
}

}  // namespace

std::size_t SkipSpace(std::string_view text, std::size_t from) {
  return std::min(text.find_first_not_of(kSpace, from), text.size());
}

std::string_view BareName(std::string_view name) {
  const auto trim = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(" \t") + 1 - first);
  };
  name = trim(name);
  const bool is_quoted =
      name.size() >= 2 && (name.front() == '"' || name.front() == '\'') && name.back() == name.front();
  return is_quoted ? trim(name.substr(1, name.size() - 2)) : name;
}

CallTag FindTag(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('<', from); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const CallTag tag = TagAt(text, at);
    if (tag.kind != TagKind::kNone || tag.is_cut) return tag;
  }
  CallTag none;
  none.begin = text.size();
  none.end = text.size();
  return none;
}

bool ObjectScan::Advance(std::string_view text, std::size_t* at) {
  for (; *at < text.size(); ++*at) {
    const char c = text[*at];
    if (is_in_string) {
      if (!is_escaped && c == '"') is_in_string = false;
      is_escaped = !is_escaped && c == '\\';
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      ++*at;
      return true;
    }
  }
  return false;
}

CallOpening FindOpening(std::string_view text, std::size_t from, const std::vector<Json>& tools, CallScope scope) {
  for (std::size_t at = text.find('<', from); at != std::string_view::npos; at = text.find('<', at + 1)) {
    const CallOpening opening = OpeningAt(text, at, tools, scope);
    if (opening.kind != CallOpening::Kind::kNone) return opening;
  }
  CallOpening none;
  none.begin = text.size();
  return none;
}

}  // namespace thimble
