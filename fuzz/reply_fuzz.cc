// SPDX-License-Identifier: Apache-2.0
// Any text as a model's reply: cut anywhere, the parts of the reply must come out the same as uncut; calls that are
// begun are ended before the next one begins.
#include "base/text.h"
#include "text/reply_parser.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

std::string Outcome(std::string_view text, std::size_t step, const thimble::ReplyOptions& options,
                    thimble::ReplyEnd end) {
  thimble::ReplyParser parser(options);
  std::vector<thimble::ReplyEvent> events;
  for (std::size_t at = 0; at < text.size(); at += step) parser.Append(text.substr(at, step), &events);
  parser.Finish(&events, end);
  std::string thinking;
  std::string content;
  std::string calls;
  bool is_in_call = false;
  for (const thimble::ReplyEvent& event : events) {
    if (event.kind == thimble::ReplyEvent::Kind::kThinking) thinking += event.text;
    if (event.kind == thimble::ReplyEvent::Kind::kContent) content += event.text;
    if (event.kind == thimble::ReplyEvent::Kind::kToolCallBegin) is_in_call = true;
    if (event.kind == thimble::ReplyEvent::Kind::kToolCallPiece && !is_in_call) std::abort();
    if (event.kind != thimble::ReplyEvent::Kind::kToolCallEnd) continue;
    if (!is_in_call) std::abort();
    is_in_call = false;
    calls += event.call.name + event.call.arguments.Dump() + ";";
  }
  return thinking + "|" + content + "|" + calls + (parser.hit_stop_string() ? "|stopped" : "");
}

std::vector<thimble::Json> Tools() {
  const auto tools = thimble::Json::Parse(
      R"([{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"},
          "b": {"anyOf": [{"$ref": "#/properties/c"}, {"type": "null"}]}, "c": {"type": "integer"}}, "required": ["a"]}}},
          {"name": "g", "input_schema": {"additionalProperties": false, "properties": {"e": {"enum": ["x", 1]}}}}])",
      "tools");
  return tools.ok() ? tools.value().items() : std::vector<thimble::Json>();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  thimble::ReplyOptions options;
  options.starts_in_thinking = (bytes[0] & 1) != 0;
  if ((bytes[0] & 2) != 0) options.stop_strings = {"</", "<tool_call>\n\n", "END"};
  if ((bytes[0] & 4) != 0) options.tools = Tools();
  const auto end = (bytes[0] & 8) != 0 ? thimble::ReplyEnd::kCut : thimble::ReplyEnd::kWhole;
  const std::string text = thimble::ReplaceInvalidUtf8({reinterpret_cast<const char*>(bytes) + 2, size - 2});
  if (Outcome(text, text.size() + 1, options, end) != Outcome(text, 1 + bytes[1] % 9, options, end)) std::abort();
  return 0;
}
