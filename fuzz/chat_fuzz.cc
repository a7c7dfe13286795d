// SPDX-License-Identifier: Apache-2.0
// Any bytes as a conversation or a client's request in JSON: parsed, rendered with both templates, made tokens of,
// written and read back; system messages made one. Whatever anybody says, the special tokens are those that the
// template wrote.
#include "base/text.h"
#include "files/json.h"
#include "small_tokenizer.h"
#include "text/chat.h"
#include "text/chat_template.h"
#include "text/client_request.h"
#include "text/tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace thimble;

constexpr std::string_view kSpecials[] = {"<|im_start|>",  "<|im_end|>",    "<|vision_start|>", "<|vision_end|>",
                                          "<|image_pad|>", "<|video_pad|>", "<think>",          "</think>",
                                          "<tool_call>",   "</tool_call>",  "<tool_response>",  "</tool_response>"};
constexpr std::int32_t kFirstSpecial = 300;

Tokenizer MakeTokenizer() {
  std::string added;
  std::int32_t id = kFirstSpecial;
  for (const std::string_view special : kSpecials)
    added += Cat(added.empty() ? "" : ",", R"({"id":)", id++, R"(,"content":")", special, R"("})");
  auto tokenizer = Tokenizer::FromJson(SmallTokenizerJson(added));
  if (!tokenizer.ok()) std::abort();
  return std::move(tokenizer).value();
}

void CheckTokens(const RenderedChat& rendered) {
  static const Tokenizer tokenizer = MakeTokenizer();
  const std::string text = rendered.Text();
  std::vector<std::int32_t> wanted;
  std::size_t last = 0;
  for (const TextRange& range : rendered.own) {
    if (range.begin < last || range.begin >= range.end || range.end > text.size()) std::abort();
    last = range.end;
    const std::string_view own = std::string_view(text).substr(range.begin, range.end - range.begin);
    for (std::size_t at = own.find('<'); at < own.size(); at = own.find('<', at + 1)) {
      for (std::size_t i = 0; i < std::size(kSpecials); ++i) {
        if (own.substr(at).starts_with(kSpecials[i])) wanted.push_back(kFirstSpecial + static_cast<std::int32_t>(i));
      }
    }
  }
  std::vector<std::int32_t> ids;
  tokenizer.EncodeTo(text, rendered.own, &ids);
  std::erase_if(ids, [](std::int32_t id) { return id < kFirstSpecial; });
  if (ids != wanted) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto json = Json::Parse({reinterpret_cast<const char*>(bytes), size}, "fuzz");
  if (!json.ok()) return 0;
  for (const ArgumentStrings strings : {ArgumentStrings::kKeep, ArgumentStrings::kParse}) {
    const auto chat = ParseChat(json.value(), strings);
    if (!chat.ok()) {
      if (chat.error().message.empty()) std::abort();
      continue;
    }
    for (const TemplateVariant variant : {TemplateVariant::kSmall, TemplateVariant::kLarge}) {
      const auto rendered = RenderChat(variant, chat.value());
      if (!rendered.ok()) continue;
      const RenderedChat& r = rendered.value();
      // The boundary lies where it says.
      if (r.generation_prompt_piece > r.pieces.size()) std::abort();
      if (r.generation_prompt_piece < r.pieces.size() &&
          r.generation_prompt_offset > r.pieces[r.generation_prompt_piece].text.size())
        std::abort();
      CheckTokens(r);
    }
    if (!ParseChat(MessagesToJson(chat.value().messages), strings).ok()) std::abort();
  }
  auto request = ParseClientRequest(json.value());
  if (!request.ok()) {
    if (request.error().message.size() > 2000) std::abort();  // what it quotes is short
    return 0;
  }
  if (request.value().unused.Line().size() > 2000) std::abort();
  Chat& chat = request.value().chat;
  MergeSystemMessages(&chat);
  const auto is_system = [](const Message& m) { return m.role == "system" || m.role == "developer"; };
  if (std::any_of(chat.messages.begin() + (chat.messages.empty() ? 0 : 1), chat.messages.end(), is_system))
    std::abort();
  return 0;
}
