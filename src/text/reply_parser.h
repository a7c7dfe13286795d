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
    kToolCallEnd,    // call: complete, arguments typed by the tool's schema. A begin without an end was malformed: what
                     // the model wrote follows as content
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
  enum class State { kThinking, kContent, kToolCall, kStopped };

  void Process(bool is_final, std::vector<ReplyEvent>* events);
  bool ProcessThinking(bool is_final, std::vector<ReplyEvent>* events);
  bool ProcessContent(bool is_final, std::vector<ReplyEvent>* events);
  bool ProcessToolCall(bool is_final, std::vector<ReplyEvent>* events);
  void EmitContent(std::string_view text, std::vector<ReplyEvent>* events);

  ReplyOptions options_;
  State state_ = State::kContent;
  std::string held_;             // not yet given out
  bool skips_newlines_ = false;  // at the beginning of thinking, after it, and between tool calls
  bool has_content_ = false;     // something was given out: <think> opens a block only before that
  bool has_begun_call_ = false;  // kToolCallBegin of the call in held_ was given out
  std::size_t call_given_ = 0;   // bytes of held_ given out as pieces
};

}  // namespace thimble
