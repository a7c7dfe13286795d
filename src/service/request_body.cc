// SPDX-License-Identifier: Apache-2.0
#include "service/request_body.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

namespace thimble::service {

namespace {

Fault Wrong(std::string message) {
  Fault fault;
  fault.message = std::move(message);
  return fault;
}

// Behind the string that begins at `at`, which is a quotation mark. Pictures are strings of megabytes: these are passed
// over as fast as memory is read.
std::size_t SkipString(std::string_view text, std::size_t at) {
  for (std::size_t end = text.find('"', at + 1); end != std::string_view::npos; end = text.find('"', end + 1)) {
    std::size_t escapes = 0;
    while (text[end - 1 - escapes] == '\\') ++escapes;  // stops at the mark in front at the latest
    if (escapes % 2 == 0) return end + 1;
  }
  return text.size();
}

// A long string of plain characters, a picture's data: taken out before the rest is parsed, because a parser looks at
// each of its characters several times.
struct Cut {
  std::size_t begin = 0;  // behind its quotation mark
  std::size_t end = 0;    // before the other one
};
constexpr std::size_t kLeastCutBytes = 64 * 1024;

// Whether what stands in the quotation marks is a value that reads as it is written.
bool IsPlainValue(std::string_view text, const Cut& cut) {
  const std::size_t next = text.find_first_not_of(" \t\r\n", cut.end + 1);
  if (next != std::string_view::npos && text[next] == ':') return false;  // a key
  unsigned odd = 0;  // no early end: compilers look at many characters at once then
  for (const char c : text.substr(cut.begin, cut.end - cut.begin))
    odd |= static_cast<unsigned>(c < ' ') | static_cast<unsigned>(c > '~') | static_cast<unsigned>(c == '\\');
  return odd == 0;
}

// How deep the text nests, and at most how many values it has. Counts brackets and commas outside strings, whether it
// is JSON or not; stops where either is too much. Long plain strings go into `cuts`.
OrFault<Done> CheckBounds(std::string_view text, std::vector<Cut>* cuts) {
  int depth = 0;
  std::size_t num_values = 1;
  for (std::size_t i = text.find_first_of("\"[]{},"); i < text.size(); i = text.find_first_of("\"[]{},", i)) {
    const char c = text[i];
    if (c == '"') {
      const Cut cut{i + 1, SkipString(text, i) - 1};
      i = cut.end + 1;
      if (cut.end - cut.begin >= kLeastCutBytes && i < text.size() && IsPlainValue(text, cut)) cuts->push_back(cut);
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (c == '[' || c == '{' || c == ',') ++num_values;
    if (depth > kMostBodyDepth) return Wrong(Cat("[request] JSON may nest ", kMostBodyDepth, " levels, found more"));
    if (num_values > kMostBodyValues)
      return Wrong(Cat("[request] JSON may have ", kMostBodyValues, " values, found more"));
    ++i;
  }
  return Done{};
}

// A control character, which JSON writes in this way only, and a number: stand for what was cut out.
constexpr std::string_view kMark = "\\u0001";
constexpr char kMarkByte = '\x01';

// The text with marks in place of cuts; empty where the text has marks of its own.
std::string WithMarks(std::string_view text, const std::vector<Cut>& cuts) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::string_view kept = text.substr(from, (i < cuts.size() ? cuts[i].begin : text.size()) - from);
    if (kept.find(kMark) != std::string_view::npos) return "";
    out += kept;
    if (i == cuts.size()) break;
    out += Cat(kMark, i);
    from = cuts[i].end;
  }
  return out;
}

void PutBack(std::string_view text, const std::vector<Cut>& cuts, Json* value) {
  if (value->IsString() && value->text().starts_with(kMarkByte)) {
    std::size_t index = 0;
    const std::string& mark = value->text();
    std::from_chars(mark.data() + 1, mark.data() + mark.size(), index);
    const Cut& cut = cuts[index];
    *value = Json::String(std::string(text.substr(cut.begin, cut.end - cut.begin)));
  }
  for (Json& item : value->items()) PutBack(text, cuts, &item);
  for (Json::Member& member : value->members()) PutBack(text, cuts, &member.second);
}

Result<Json> Parse(std::string_view text, const std::vector<Cut>& cuts) {
  const std::string short_text = cuts.empty() ? "" : WithMarks(text, cuts);
  if (short_text.empty()) return Json::Parse(text, "request");
  THIMBLE_ASSIGN_OR_RETURN(Json json, Json::Parse(short_text, "request"));
  PutBack(text, cuts, &json);
  return json;
}

}  // namespace

OrFault<Json> ParseBody(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return Wrong("[request] a JSON object is needed as the body, found nothing");
  std::vector<Cut> cuts;
  THIMBLE_RETURN_IF_ERROR(CheckBounds(body, &cuts));
  auto json = Parse(body, cuts);
  if (!json.ok()) {
    // The parser's reason ends with what it read last.
    const std::string& reason = json.error().message;
    return Wrong(reason.substr(0, std::min(reason.find("; last read"), reason.find(" - invalid"))));
  }
  if (!json.value().IsObject()) return Wrong("[request] the body must be a JSON object");
  return std::move(json).value();
}

}  // namespace thimble::service
