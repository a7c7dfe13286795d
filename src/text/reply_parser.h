// SPDX-License-Identifier: Apache-2.0
// ReplyParser: the model's streamed text -> events: thinking, content, tool calls. Holds back what may become a tag or
// a stop string, so that nobody sees half of one.
#pragma once

#include "text/call_reader.h"
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
  // Matched in the answer's content, what only looked like a call among it, not in thinking or calls. Without tools
  // nothing is a call for certain: they are matched in it as it comes.
  std::vector<std::string> stop_strings;
  // In any form that tool_schema.h reads. Schemas give argument values their types; unknown ones are guessed as JSON.
  // Calls of these tools are also read where they are not written exactly (call_reader.h).
  std::vector<Json> tools;
  // The reply is text and nothing else: tags of reasoning and calls are text like any other.
  bool is_plain = false;
  // The answer is calls, or text in which nothing is a call: its first character tells which.
  bool is_calls_or_text = false;
};

// Where a call ends is known for certain only when the reply is over (its value may hold call syntax): from the first
// call on everything but the first call's begin and pieces is given out by Finish, or when a stop string comes. The
// same holds for reasoning from the first call of a declared tool on: if the reasoning is closed, or cut, that was no
// call.
class ReplyParser {
 public:
  explicit ReplyParser(ReplyOptions options);

  // `text` is whole UTF-8 characters, tags such as <think> and <tool_call> included. Appends events.
  void Append(std::string_view text, std::vector<ReplyEvent>* events);
  // The reply is over: releases what was held back; an unfinished tool call becomes content as it was written.
  void Finish(std::vector<ReplyEvent>* events, ReplyEnd end = ReplyEnd::kWhole);

  [[nodiscard]] bool in_thinking() const;
  [[nodiscard]] bool hit_stop_string() const;  // the stop string itself is not part of any event
  [[nodiscard]] const std::string& stop_string() const { return stop_string_; }  // which one; empty: none was hit

 private:
  enum class State { kThinking, kContent, kFunctionCall, kJsonCall, kCallEnd, kStopped };

  void Process(bool is_final, std::vector<ReplyEvent>* events);
  bool ProcessThinking(bool is_final, std::vector<ReplyEvent>* events);
  bool ProcessContent(bool is_final, std::vector<ReplyEvent>* events);
  bool ProcessFunctionCall(std::vector<ReplyEvent>* events);
  bool ProcessJsonCall();
  bool ProcessCallEnd(bool is_final, std::vector<ReplyEvent>* events);
  bool StopInCall(bool is_final, std::vector<ReplyEvent>* events);
  bool CutAtStop(std::string_view* text);
  void BeginCall(const CallOpening& opening, std::vector<ReplyEvent>* events);
  void GivePieces(std::size_t end, std::vector<ReplyEvent>* events);
  void GiveDecided(std::size_t end, bool is_final, std::vector<ReplyEvent>* events);
  void GiveHeld(ReplyEnd end, std::vector<ReplyEvent>* events);
  void Emit(std::string_view text, std::vector<ReplyEvent>* events);

  ReplyOptions options_;
  State state_ = State::kContent;
  std::string held_;             // not yet given out
  std::size_t decided_ = 0;      // bytes of held_ that are looked at: newlines, or what holds calls
  bool is_holding_ = false;      // a call began in held_, which is kept whole from then on
  bool skips_newlines_ = false;  // at the beginning of thinking and after it
  bool has_content_ = false;     // something was given out: <think> opens a block only before that

  std::string stop_string_;    // that ended the reply
  std::size_t stop_from_ = 0;  // no tools: no stop string begins in held_ before this, from the first call on

  // The call that decided_ is in.
  std::vector<bool> open_;              // calls begun in it and not ended, itself first: whether by <tool_call>
  TagKind last_kind_ = TagKind::kNone;  // of its last tag, and where that ends
  std::size_t last_end_ = 0;
  bool is_last_new_ = false;      // that tag is a <function=...> which may begin a call
  bool is_last_wrapped_ = false;  // and stands behind <tool_call>
  bool ends_value_ = false;       // that tag stands behind </parameter> or <function=...>
  ObjectScan object_;

  // The first call in held_, which is shown while it comes.
  bool has_begun_call_ = false;
  bool shows_pieces_ = false;
  std::size_t call_begin_ = 0;  // where it stands in held_
  std::size_t call_given_ = 0;  // bytes of held_ given out as pieces
};

}  // namespace thimble
