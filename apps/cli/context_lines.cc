// SPDX-License-Identifier: Apache-2.0
#include "cli/context_lines.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "cli/terminal.h"

#include <algorithm>

namespace thimble::cli {

namespace {

std::string Tokens(std::int64_t count) { return Cat(Grouped(count), count == 1 ? " token" : " tokens"); }

std::string Right(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}
std::string Left(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// What a message is about, on one line.
std::string Beginning(const Message& message) {
  std::string text;
  int pictures = 0;
  for (const Part& part : message.content) {
    if (part.kind == Part::Kind::kText) text += part.text;
    if (part.kind == Part::Kind::kImage || part.kind == Part::Kind::kVideo) ++pictures;
  }
  for (const ToolCall& call : message.tool_calls) text += Cat(text.empty() ? "" : " ", "[", call.name, "]");
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  constexpr std::size_t kShown = 40;
  if (text.size() > kShown) text = Cat(text.substr(0, CompletePrefixLength(text.substr(0, kShown))), "...");
  if (pictures > 0) text = Cat("[", pictures, pictures == 1 ? " picture] " : " pictures] ", text);
  return text;
}

const char* Who(const Message& message) {
  return message.role == "user"        ? "you"
         : message.role == "assistant" ? "answer"
         : message.role == "tool"      ? "tool"
                                       : "system";
}

std::string Exchanges(int count) { return count == 1 ? "exchange" : Cat(count, " exchanges"); }

}  // namespace

std::string LeftOutLine(const LeftOut& now, bool is_first) {
  const bool is_one = now.exchanges == 1;
  const std::string which = is_first ? Cat("the first ", Exchanges(now.exchanges))
                            : is_one ? std::string("one more exchange")
                                     : Cat(now.exchanges, " more exchanges");
  return Cat(which, " (", Tokens(now.tokens), ") no longer ", is_one ? "fits and was" : "fit and were", " left out");
}

std::vector<std::string> ContextLines(const Conversation& talk, const ContextUse& use,
                                      std::span<const Attachment> attached) {
  constexpr std::size_t kCount = 8;
  std::vector<std::string> lines;
  lines.push_back(Cat("context: ", Grouped(use.used), " of ", Tokens(use.context), " used, ",
                      Grouped(std::max<std::int64_t>(0, use.context - use.used)), " free"));
  const auto add = [&](const std::string& number, const std::string& who, std::int64_t tokens,
                       const std::string& text) {
    lines.push_back(Cat(Right(number, 5), " ", Left(who, 7), Right(Grouped(tokens), kCount), "  ", text));
  };
  if (use.tools > 0) add("", "tools", use.tools, "");
  const auto messages = talk.messages();
  for (std::size_t i = 0; i < messages.size() && i < use.messages.size(); ++i) {
    const auto& [question, tokens] = use.messages[i];
    add(question > 0 ? Cat(question) : "", Who(messages[i]), tokens, Beginning(messages[i]));
  }
  if (use.left_out.exchanges > 0) {
    lines.push_back(
        Cat("left out so far: the first ", Exchanges(use.left_out.exchanges), ", ", Tokens(use.left_out.tokens)));
  }
  for (std::size_t i = 0; i < attached.size() && i < use.attached.size(); ++i) {
    const PictureReading& reading = use.attached[i];
    lines.push_back(Cat("attached: ", Excerpt(attached[i].source), " will take ", Tokens(reading.tokens), " (read at ",
                        reading.read.width, " x ", reading.read.height, ")"));
  }
  if (use.next.exchanges > 0) {
    lines.push_back(Cat("the next message leaves out ", use.next.exchanges,
                        use.next.exchanges == 1 ? " exchange" : " exchanges", ", ", Tokens(use.next.tokens)));
  }
  return lines;
}

}  // namespace thimble::cli
