// SPDX-License-Identifier: Apache-2.0
// Any bytes as a conversation or a client's request in JSON: parsed, rendered with both templates, written and read
// back; system messages made one.
#include "files/json.h"
#include "text/chat.h"
#include "text/chat_template.h"
#include "text/client_request.h"

#include <algorithm>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace thimble;
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
