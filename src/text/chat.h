// SPDX-License-Identifier: Apache-2.0
// A conversation as plain data: messages made of parts, tools, and how to render them.
#pragma once

#include "files/json.h"

#include <optional>
#include <string>
#include <vector>

namespace thimble {

struct Part {
  enum class Kind { kText, kImage, kVideo, kUnknown } kind = Kind::kText;
  std::string text;    // kText
  std::string source;  // kImage, kVideo: path or data URL as the front end gave it; empty: next picture of the request
  std::string detail = {};  // kImage: "low", "high", ... as the client said; empty: it said nothing
};

struct ToolCall {
  std::string name;
  Json arguments = Json::Object();  // an object, key order kept; anything else is refused when rendering
};

struct Message {
  std::string role;  // system, user, assistant, tool; developer until MergeSystemMessages made it system
  // A plain string is one text part; null or absent content is no part.
  std::vector<Part> content;
  bool has_unknown_content = false;              // content was neither text nor a list: rendering refuses it
  std::optional<std::string> reasoning_content;  // assistant
  std::vector<ToolCall> tool_calls;              // assistant
};

struct ChatOptions {
  std::optional<bool> enable_thinking;  // unset: the template's own default
  bool add_generation_prompt = true;
  bool add_vision_id = false;
  bool continue_final_message = false;
};

// One request to the chat template: what `--messages FILE` and one line of `thimble render --jsonl` hold.
struct Chat {
  std::vector<Message> messages;
  std::vector<Json> tools;  // each as the client sent it
  ChatOptions options;
};

// How strictly a conversation is read. Tool call arguments that are a string: OpenAI's clients send JSON in a string,
// the published templates refuse one.
enum class ArgumentStrings {
  kKeep,   // as the reference reads it: what it does not know, it does not see
  kParse,  // as clients mean it: ParseClientRequest (text/client_request.h) without the settings
};

// {"messages": [...], "tools": [...]|null, "options": {...}} or a bare array of messages, in the forms that the
// reference takes (content as string, null or list of items; image_url as string or {"url"}; tool calls with a
// "function" wrapper or without). Errors say which message and what was expected.
Result<Chat> ParseChat(const Json& json, ArgumentStrings strings);
// Makes one first system message of all system and developer messages, their texts in order with a blank line between
// them; the templates know no other place and no other role for them.
void MergeSystemMessages(Chat* chat);
// The messages as a JSON array that ParseChat reads back.
Json MessagesToJson(const std::vector<Message>& messages);

}  // namespace thimble
