// SPDX-License-Identifier: Apache-2.0
// Any text as a model's reply: cut anywhere, the parts of the reply must come out the same as uncut.
#include "base/text.h"
#include "text/reply_parser.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

std::string Outcome(std::string_view text, std::size_t step, const thimble::ReplyOptions& options) {
  thimble::ReplyParser parser(options);
  std::vector<thimble::ReplyEvent> events;
  for (std::size_t at = 0; at < text.size(); at += step) parser.Append(text.substr(at, step), &events);
  parser.Finish(&events);
  std::string thinking;
  std::string content;
  std::string calls;
  for (const thimble::ReplyEvent& event : events) {
    if (event.kind == thimble::ReplyEvent::Kind::kThinking) thinking += event.text;
    if (event.kind == thimble::ReplyEvent::Kind::kContent) content += event.text;
    if (event.kind == thimble::ReplyEvent::Kind::kToolCallEnd)
      calls += event.call.name + event.call.arguments.Dump() + ";";
  }
  return thinking + "|" + content + "|" + calls + (parser.hit_stop_string() ? "|stopped" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  thimble::ReplyOptions options;
  options.starts_in_thinking = (bytes[0] & 1) != 0;
  if ((bytes[0] & 2) != 0) options.stop_strings = {"</", "<tool_call>\n\n", "END"};
  const std::string text = thimble::ReplaceInvalidUtf8({reinterpret_cast<const char*>(bytes) + 2, size - 2});
  if (Outcome(text, text.size() + 1, options) != Outcome(text, 1 + bytes[1] % 9, options)) std::abort();
  return 0;
}
