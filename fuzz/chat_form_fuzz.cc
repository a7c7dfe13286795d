// SPDX-License-Identifier: Apache-2.0
// Conversations that somebody imports, and single chats and messages of requests.
#include "base/text.h"
#include "service/chat_form.h"
#include "service/request_body.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace thimble;
using namespace thimble::service;

void Require(bool condition) {
  if (!condition) std::abort();
}

template <typename T>
void RequireFault(const OrFault<T>& read) {
  if (!read.ok()) Require((read.error().status == 400 || read.error().status == 413) && !read.error().message.empty());
}

// What was read is within bounds, and comes back the same.
void CheckDocument(const ChatDocument& document) {
  Require(CheckChat(document.chat, true).ok());
  for (const ChatMessage& message : document.messages) {
    Require(CheckMessage(message).ok());
    Require(message.state != MessageState::kRunning);
  }
  const std::string text = ChatDocumentJson(document.chat, document.messages).Dump();
  const auto back = ParseChatDocument(text);
  Require(back.ok() && ChatDocumentJson(back.value().chat, back.value().messages).Dump() == text);
  Require(ShownBranch(document.messages, document.chat.head).size() <= document.messages.size());
  Require(IsValidUtf8(ChatMarkdown(document.chat, document.messages)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = ParseChatDocument(text);
  RequireFault(document);
  if (document.ok()) CheckDocument(document.value());
  const auto json = ParseBody(text);
  if (!json.ok()) return 0;
  RequireFault(ReadChat(json.value()));
  RequireFault(ReadMessage(json.value()));
  RequireFault(ReadChatChange(json.value()));
  RequireFault(ReadMessageChange(json.value()));
  const std::string title = TitleFrom(text);
  Require(IsValidUtf8(title) && title.size() <= 4 * 64);
  return 0;
}
