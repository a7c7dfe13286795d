// SPDX-License-Identifier: Apache-2.0
// ReplyParser: the model's streamed text -> events: thinking, content, tool calls. Holds back what may become a tag or
// a stop string, so that nobody sees half of one.
#pragma once

#include "text/chat.h"

#include <string>
#include <string_view>
#include <vector>

namespace thimble {

struct ReplyEvent {
  enum class Kind {
    kThinking,       // text: a piece of reasoning
    kContent,        // text: a piece of the answer
    kToolCallBegin,  // text: the function's name
    kToolCallPiece,  // text: a piece of raw argument text, for display while streaming
    kToolCallEnd,    // call: complete, arguments typed by the tool's schema
  } kind = Kind::kContent;
  std::string text;
  ToolCall call;
};

struct ReplyOptions {
  bool starts_in_thinking = false;
  std::vector<std::string> stop_strings;  // matched in the answer's content, not in thinking
  std::vector<Json> tools;                // schemas give argument values their types; unknown ones are guessed as JSON
};

class ReplyParser {
 public:
  explicit ReplyParser(ReplyOptions options);

  // `text` is whole UTF-8 characters, tags such as <think> and <tool_call> included. Appends events.
  void Append(std::string_view text, std::vector<ReplyEvent>* events);
  // The reply is over: releases what was held back; an unfinished tool call becomes content as it was written.
  void Finish(std::vector<ReplyEvent>* events);

  [[nodiscard]] bool in_thinking() const;
  [[nodiscard]] bool hit_stop_string() const;  // the stop string itself is not part of any event

 private:
  // (state is the implementer's)
};

}  // namespace thimble
