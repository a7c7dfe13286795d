// SPDX-License-Identifier: Apache-2.0
// Kept conversations as JSON, for the routes, exports and imports, and as Markdown, for people. Bounds are looked at
// here, for what comes from a client and for what a store is given alike.
#pragma once

#include "files/json.h"
#include "service/chat_store.h"
#include "service/or_fault.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

inline constexpr std::size_t kChatIdChars = 24;
inline constexpr std::size_t kMostTitleChars = 1'000;  // of folders' names too
inline constexpr std::size_t kMostInstructionBytes = std::size_t{256} << 10;
inline constexpr std::size_t kMostMessageBytes = std::size_t{4} << 20;  // of a text, and of a reasoning
inline constexpr std::size_t kMostFactsBytes = std::size_t{64} << 10;   // of a client's settings too
inline constexpr std::size_t kMostMessages = 100'000;                   // of a chat
inline constexpr std::size_t kMostMessagePictures = 256;

// 24 ASCII letters and digits.
bool IsChatId(std::string_view text);
// 64 hexadecimal digits in lower case.
bool IsSha256(std::string_view text);
const char* StateName(MessageState state);  // "done", "running", "stopped", "failed"

// Faults for what a store shall not hold: 413 for texts that are too long, 400 for all else. An id or a parent may be
// empty where `may_be_new`.
OrFault<Done> CheckChat(const ChatSummary& chat, bool may_be_new);
OrFault<Done> CheckMessage(const ChatMessage& message);
OrFault<Done> CheckChange(const ChatChange& change);
OrFault<Done> CheckChange(const MessageChange& change);
// An object of at most kMostFactsBytes. `key` names it in the fault.
OrFault<Done> CheckFacts(std::string_view key, const Json& facts);

// {"id", "title", "model", "instructions", "folder", "head", "pinned", "created", "updated", "messages", "tokens",
// "pictures"}.
Json ChatJson(const ChatSummary& chat);
// The same; where something was searched for, with "hit": {"message", "excerpt"}.
Json HitJson(const ChatHit& hit);
// {"id", "parent", "role", "model", "state", "created", "text", "reasoning", "pictures", "facts"}.
Json MessageJson(const ChatMessage& message);

// The same forms, read. What is absent or null is empty, or stays as it is; keys that nobody knows are left out, counts
// too, which are the store's to make.
OrFault<ChatSummary> ReadChat(const Json& json);
OrFault<ChatMessage> ReadMessage(const Json& json);
OrFault<ChatChange> ReadChatChange(const Json& json);
OrFault<MessageChange> ReadMessageChange(const Json& json);

// A whole conversation in a file or a request.
struct ChatDocument {
  ChatSummary chat;
  std::vector<ChatMessage> messages;  // parents before those that follow them
};
// {"thimble": 1, "chat", "messages"}: all branches, no bytes of pictures.
Json ChatDocumentJson(const ChatSummary& chat, const std::vector<ChatMessage>& messages);
// Without "thimble" too, as the import's request has it; a later version than 1 is 400. Ids must be unlike, parents
// stand before their children; a message on its way is one that was stopped.
OrFault<ChatDocument> ReadChatDocument(const Json& json);
// The same of a text (service/request_body.h).
OrFault<ChatDocument> ParseChatDocument(std::string_view text);

// What a chat is called that begins with `text`: its first words, in one line of some 60 characters.
std::string TitleFrom(std::string_view text);
// The messages from the first one to `head`; empty where `head` is none of them.
std::vector<ChatMessage> ShownBranch(const std::vector<ChatMessage>& messages, const std::string& head);
// The shown branch for people: title, times (UTC), who said it, names of pictures, texts as they are.
std::string ChatMarkdown(const ChatSummary& chat, const std::vector<ChatMessage>& messages);

}  // namespace thimble::service
