// SPDX-License-Identifier: Apache-2.0
#include "service/request_body.h"

#include "base/text.h"

#include <algorithm>
#include <string>
#include <utility>

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

// How deep the text nests, and at most how many values it has. Counts brackets and commas outside strings, whether it
// is JSON or not; stops where either is too much.
OrFault<Done> CheckBounds(std::string_view text) {
  int depth = 0;
  std::size_t num_values = 1;
  for (std::size_t i = text.find_first_of("\"[]{},"); i < text.size(); i = text.find_first_of("\"[]{},", i)) {
    const char c = text[i];
    if (c == '"') {
      i = SkipString(text, i);
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

}  // namespace

OrFault<Json> ParseBody(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return Wrong("[request] a JSON object is needed as the body, found nothing");
  THIMBLE_RETURN_IF_ERROR(CheckBounds(body));
  auto json = Json::Parse(body, "request");
  if (!json.ok()) {
    // The parser's reason ends with what it read last.
    const std::string& reason = json.error().message;
    return Wrong(reason.substr(0, std::min(reason.find("; last read"), reason.find(" - invalid"))));
  }
  if (!json.value().IsObject()) return Wrong("[request] the body must be a JSON object");
  return std::move(json).value();
}

}  // namespace thimble::service
