// SPDX-License-Identifier: Apache-2.0
// Any bytes as a conversation in JSON: parsed, rendered with both templates, written and read back.
#include "files/json.h"
#include "text/chat.h"
#include "text/chat_template.h"

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
  return 0;
}
