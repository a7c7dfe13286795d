// SPDX-License-Identifier: Apache-2.0
// Any bytes as a conversation and the reply to it, all the way round: rendered, tokenised, a reply of any text read and
// appended, a question asked after it, and each time saved and read back. Records of a kind, a length and a text make
// the messages (tools/make_fuzz_seeds.py writes such), the rest is the reply.
#include "base/text.h"
#include "files/json.h"
#include "talk/window.h"
#include "text/chat.h"
#include "text/chat_template.h"
#include "text/pretokenize.h"
#include "text/reply_parser.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace thimble;

void Require(bool condition) {
  if (!condition) std::abort();
}

Part TextPart(std::string text) { return {Part::Kind::kText, std::move(text), ""}; }

std::vector<Json> Tools() {
  const auto tools = Json::Parse(
      R"([{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"},
          "n": {"type": "integer"}}, "required": ["a"]}}}, {"name": "g", "input_schema": {"properties": {}}}])",
      "tools");
  Require(tools.ok());
  return tools.value().items();
}

// All bytes, a few merges, and the tokens that the template writes.
const Tokenizer& SmallTokenizer() {
  static const Tokenizer tokenizer = [] {
    std::string vocab;
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool is_printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
      std::string text;
      AppendUtf8(&text, is_printable ? byte : next++);
      vocab += Cat(JsonQuote(text), ":", static_cast<int>(byte), ",");
    }
    std::string added;
    int id = 300;
    for (const char* token : {"<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
                              "<think>", "</think>", "<tool_call>", "</tool_call>"})
      added += Cat(added.empty() ? "" : ",", R"({"id":)", id++, R"(,"content":")", token, R"(","special":true})");
    auto made = Tokenizer::FromJson(Cat(
        R"({"added_tokens":[)", added, R"(],"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence",)",
        R"("pretokenizers":[{"type":"Split","pattern":{"Regex":)", JsonQuote(kSplitRule),
        R"(},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},)",
        R"("model":{"type":"BPE","vocab":{)", vocab, R"("er":256,"us":257,"user":258,"Ġa":259},)",
        R"("merges":["e r","u s","us er","Ġ a"]}})"));
    Require(made.ok());
    return std::move(made).value();
  }();
  return tokenizer;
}

// Reads records from the front of `bytes`.
Chat TakeChat(std::string_view* bytes) {
  Chat chat;
  if (bytes->empty()) return chat;
  const auto flags = static_cast<std::uint8_t>(bytes->front());
  bytes->remove_prefix(1);
  if ((flags & 2) != 0) chat.options.enable_thinking = (flags & 4) != 0;
  if ((flags & 8) != 0) chat.tools = Tools();
  chat.options.add_vision_id = (flags & 16) != 0;
  while (bytes->size() >= 2 && bytes->front() != 0) {
    const int kind = static_cast<std::uint8_t>(bytes->front()) % 8;
    const std::size_t size = std::min<std::size_t>(static_cast<std::uint8_t>((*bytes)[1]), bytes->size() - 2);
    const std::string text = ReplaceInvalidUtf8(bytes->substr(2, size));
    bytes->remove_prefix(2 + size);
    constexpr const char* kRoles[] = {"user", "user", "assistant", "assistant", "tool", "assistant", "user", "system"};
    Message message{kRoles[kind], {TextPart(text)}, false, {}, {}};
    if (kind == 3) {  // reasoning, a line's end, the answer
      const std::size_t end = std::min(text.find('\n'), text.size());
      message.reasoning_content = text.substr(0, end);
      message.content[0].text = text.substr(end);
    }
    if (kind == 5) {  // two calls, of what its text says
      auto arguments = Json::Parse(text, "arguments");
      const bool is_object = arguments.ok() && arguments.value().IsObject();
      message.tool_calls.push_back({"f", is_object ? arguments.value() : Json::Object({{"a", Json::String(text)}})});
      message.tool_calls.push_back({text.substr(0, text.find(' ')), Json::Object()});
    }
    if (kind == 6) message.content.insert(message.content.begin(), Part{Part::Kind::kImage, "", "p.png"});
    chat.messages.push_back(std::move(message));
  }
  if (!bytes->empty()) bytes->remove_prefix(1);
  return chat;
}

// What was saved and read is rendered the same, or refused the same.
void CheckSaved(TemplateVariant variant, const Chat& chat) {
  const Json saved = Json::Object({{"messages", MessagesToJson(chat.messages)}, {"tools", Json::Array(chat.tools)}});
  const auto json = Json::Parse(saved.Dump(Json::Style::kCompact), "saved");
  Require(json.ok());
  auto read = ParseChat(json.value(), ArgumentStrings::kKeep);
  Require(read.ok() && read.value().messages.size() == chat.messages.size());
  read.value().options = chat.options;
  const auto before = RenderChat(variant, chat);
  const auto after = RenderChat(variant, read.value());
  Require(before.ok() == after.ok());
  if (!before.ok()) Require(!before.error().message.empty() && before.error().message == after.error().message);
  if (before.ok()) Require(before.value().Text() == after.value().Text());
}

// Where the generation prompt begins in Text().
std::size_t BoundaryOf(const RenderedChat& rendered) {
  std::size_t offset = rendered.generation_prompt_offset;
  for (std::size_t i = 0; i < rendered.generation_prompt_piece; ++i) offset += rendered.pieces[i].text.size();
  return offset;
}

// What stands in front of the first message behind the last question: it does not change any more, whatever is said.
std::size_t LastingPrefix(const Chat& chat, const RenderedChat& rendered) {
  std::size_t question = chat.messages.size();
  while (question > 0 && !IsQuestion(chat.messages[question - 1])) --question;
  for (const RenderedChat::MessageBegin& begin : rendered.message_begins) {
    if (question > 0 && begin.message >= question) return begin.offset;
  }
  return question > 0 ? BoundaryOf(rendered) : 0;
}

// The reply as a conversation keeps it.
Message ReplyMessage(const Chat& chat, bool starts_in_thinking, std::string_view text) {
  ReplyOptions options;
  options.starts_in_thinking = starts_in_thinking;
  options.tools = chat.tools;
  ReplyParser parser(std::move(options));
  std::vector<ReplyEvent> events;
  parser.Append(text, &events);
  parser.Finish(&events);
  Message reply{"assistant", {TextPart("")}, false, {}, {}};
  std::string thinking;
  for (ReplyEvent& event : events) {
    if (event.kind == ReplyEvent::Kind::kThinking) thinking += event.text;
    if (event.kind == ReplyEvent::Kind::kContent) reply.content[0].text += event.text;
    if (event.kind == ReplyEvent::Kind::kToolCallEnd) reply.tool_calls.push_back(std::move(event.call));
  }
  if (!thinking.empty()) reply.reasoning_content = std::move(thinking);
  return reply;
}

void CheckTokens(const std::string& text) {
  std::string storage;
  const std::string normal(NormalizeNfc(text, &storage));
  const Tokenizer& tokenizer = SmallTokenizer();
  Require(tokenizer.Decode(tokenizer.Encode(text, AddedTokens::kPlainText), false) == normal);
  for (const std::int32_t id : tokenizer.Encode(text, AddedTokens::kRecognise)) Require(tokenizer.Exists(id));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  const TemplateVariant variant = size > 0 && (bytes[0] & 1) != 0 ? TemplateVariant::kLarge : TemplateVariant::kSmall;
  Chat chat = TakeChat(&rest);
  CheckSaved(variant, chat);
  const auto first = RenderChat(variant, chat);
  if (!first.ok()) return 0;
  const std::string prompt = first.value().Text();
  CheckTokens(prompt);
  const std::string told = prompt.substr(0, BoundaryOf(first.value()));
  const std::string lasting = prompt.substr(0, LastingPrefix(chat, first.value()));
  Require(told.starts_with(lasting));

  chat.messages.push_back(ReplyMessage(chat, first.value().ends_in_thinking, ReplaceInvalidUtf8(rest)));
  CheckSaved(variant, chat);
  const auto second = RenderChat(variant, chat);
  Require(second.ok() && second.value().Text().starts_with(told));

  chat.messages.push_back({"user", {TextPart("And then?")}, false, {}, {}});
  CheckSaved(variant, chat);
  const auto third = RenderChat(variant, chat);
  Require(third.ok() && third.value().Text().starts_with(lasting));
  CheckTokens(third.value().Text());
  return 0;
}
