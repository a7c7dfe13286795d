// SPDX-License-Identifier: Apache-2.0
#include "text/reply_parser.h"

#include "text/tool_call_syntax.h"

#include <algorithm>
#include <utility>

namespace thimble {

namespace {

constexpr std::string_view kThinkOpen = "<think>";
constexpr std::string_view kThinkClose = "</think>";
constexpr std::string_view kCallOpen = "<tool_call>";
constexpr std::string_view kCallClose = "</tool_call>";

// Length of the longest end of `text` that is a proper beginning of `pattern`.
std::size_t PartialMatch(std::string_view text, std::string_view pattern) {
  std::size_t length = std::min(text.size(), pattern.empty() ? 0 : pattern.size() - 1);
  while (length > 0 && text.substr(text.size() - length) != pattern.substr(0, length)) --length;
  return length;
}

std::size_t TrailingNewlines(std::string_view text) {
  const std::size_t last = text.find_last_not_of('\n');
  return last == std::string_view::npos ? text.size() : text.size() - last - 1;
}

// The earliest stop string at or after `from` that begins at or before `last`, and where no earlier one may still come.
struct StopSearch {
  std::size_t found;      // npos: none
  std::size_t undecided;  // a stop string may have begun here; the text's size if none
  std::string_view stop;  // the one that was found
};
StopSearch FindStop(const std::vector<std::string>& stops, std::string_view text, std::size_t from, std::size_t last,
                    bool is_final) {
  StopSearch search{std::string_view::npos, text.size(), {}};
  for (const std::string& stop : stops) {
    const std::size_t end = last < text.size() - std::min(stop.size(), text.size()) ? last + stop.size() : text.size();
    const std::size_t found = text.substr(0, end).find(stop, from);
    if (found < search.found) search.stop = stop;
    search.found = std::min(search.found, found);
    if (!is_final) search.undecided = std::min(search.undecided, text.size() - PartialMatch(text.substr(from), stop));
  }
  return search;
}

}  // namespace

ReplyParser::ReplyParser(ReplyOptions options) : options_(std::move(options)) {
  std::erase(options_.stop_strings, "");
  if (options_.starts_in_thinking && !options_.is_plain) {
    state_ = State::kThinking;
    skips_newlines_ = true;
  }
}

bool ReplyParser::in_thinking() const { return state_ == State::kThinking; }
bool ReplyParser::hit_stop_string() const { return state_ == State::kStopped; }

void ReplyParser::Append(std::string_view text, std::vector<ReplyEvent>* events) {
  if (state_ == State::kStopped) return;
  held_ += text;
  Process(false, events);
}

void ReplyParser::Finish(std::vector<ReplyEvent>* events, ReplyEnd end) {
  if (state_ == State::kStopped) return;
  Process(true, events);
  if (state_ != State::kStopped) GiveHeld(end, events);
}

void ReplyParser::Process(bool is_final, std::vector<ReplyEvent>* events) {
  bool goes_on = true;
  while (goes_on) {
    if (skips_newlines_) {
      const std::size_t first = held_.find_first_not_of('\n');
      if (first == std::string::npos) {
        held_.clear();
        return;
      }
      held_.erase(0, first);
      skips_newlines_ = false;
    }
    const bool is_in_call = state_ == State::kFunctionCall || state_ == State::kCallEnd;
    if (is_in_call && options_.tools.empty() && StopInCall(is_final, events)) return;
    switch (state_) {
      case State::kThinking:
        goes_on = ProcessThinking(is_final, events);
        break;
      case State::kContent:
        goes_on = ProcessContent(is_final, events);
        break;
      case State::kFunctionCall:
        goes_on = ProcessFunctionCall(events);
        break;
      case State::kJsonCall:
        goes_on = ProcessJsonCall();
        break;
      case State::kCallEnd:
        goes_on = ProcessCallEnd(is_final, events);
        break;
      case State::kStopped:
        return;
    }
  }
}

void ReplyParser::Emit(std::string_view text, std::vector<ReplyEvent>* events) {
  if (text.empty()) return;
  const bool is_thinking = state_ == State::kThinking;
  has_content_ = has_content_ || !is_thinking;
  events->push_back({is_thinking ? ReplyEvent::Kind::kThinking : ReplyEvent::Kind::kContent, std::string(text), {}});
}

// Gives out the text before `end`, where neither a call nor anything else begins, but for newlines at its end, which
// may be those before a call or </think>. All of held_ before decided_ are such newlines.
void ReplyParser::GiveDecided(std::size_t end, bool is_final, std::vector<ReplyEvent>* events) {
  const std::string_view fresh = std::string_view(held_).substr(decided_, end - decided_);
  const std::size_t newlines = is_final ? 0 : TrailingNewlines(fresh);
  if (newlines < fresh.size()) {
    Emit(std::string_view(held_).substr(0, end - newlines), events);
    held_.erase(0, end - newlines);
    decided_ = newlines;
  } else {
    decided_ = end;
  }
}

// Each of these returns true when the state changed and there may be more to do.

bool ReplyParser::ProcessThinking(bool is_final, std::vector<ReplyEvent>* events) {
  if (const std::size_t close = held_.find(kThinkClose, decided_); close != std::string::npos) {
    const std::string_view reasoning = std::string_view(held_).substr(0, close);
    Emit(reasoning.substr(0, reasoning.size() - TrailingNewlines(reasoning)), events);
    held_.erase(0, close + kThinkClose.size());
    state_ = State::kContent;
    decided_ = 0;
    is_holding_ = false;
    skips_newlines_ = true;
    has_content_ = true;  // a second <think> is text
    return true;
  }
  std::size_t undecided = held_.size() - (is_final ? 0 : PartialMatch(held_, kThinkClose));
  if (is_holding_) {
    decided_ = undecided;
    return false;
  }
  if (!options_.tools.empty()) {
    const CallOpening opening = FindOpening(held_, decided_, options_.tools, CallScope::kDeclared);
    if (opening.kind != CallOpening::Kind::kUndecided || !is_final) undecided = std::min(undecided, opening.begin);
    is_holding_ = opening.kind == CallOpening::Kind::kFunction || opening.kind == CallOpening::Kind::kJson;
  }
  GiveDecided(undecided, false, events);
  return is_holding_;
}

bool ReplyParser::ProcessContent(bool is_final, std::vector<ReplyEvent>* events) {
  // A reply that opens its own think block does so before anything else.
  if (!has_content_ && !is_holding_ && decided_ == 0 && !options_.is_plain) {
    if (held_.starts_with(kThinkOpen)) {
      held_.erase(0, kThinkOpen.size());
      state_ = State::kThinking;
      skips_newlines_ = true;
      return true;
    }
    if (!is_final && kThinkOpen.starts_with(held_)) return false;
  }
  if (options_.is_calls_or_text) {
    // What is decided so far were blanks.
    const std::size_t first = held_.find_first_not_of(" \n", decided_);
    if (first != std::string::npos) {
      options_.is_calls_or_text = false;
      options_.is_plain = held_[first] != '<';
    }
  }
  CallOpening opening;
  opening.begin = held_.size();
  if (!options_.is_plain) opening = FindOpening(held_, decided_, options_.tools, CallScope::kAll);
  if (is_final && opening.kind == CallOpening::Kind::kUndecided) {
    opening.kind = CallOpening::Kind::kNone;
    opening.begin = held_.size();
  }
  // The earliest of a call and the stop strings; of two that begin together the stop string. A longer stop string may
  // have begun before the one that is complete: wait until it is decided.
  // Without tools one may have begun in a call before.
  const bool is_behind_call = is_holding_ && options_.tools.empty();
  const std::size_t from = is_behind_call ? stop_from_ : decided_;
  const StopSearch stop = FindStop(options_.stop_strings, held_, from, opening.begin, is_final);
  if (stop.found <= opening.begin && stop.found <= stop.undecided && stop.found != std::string::npos) {
    held_.resize(stop.found);
    stop_string_ = stop.stop;
    GiveHeld(ReplyEnd::kWhole, events);
    state_ = State::kStopped;
    return false;
  }
  const bool is_call = opening.kind == CallOpening::Kind::kFunction || opening.kind == CallOpening::Kind::kJson;
  if (is_call && opening.begin < stop.undecided) {
    BeginCall(opening, events);
    return true;
  }
  const std::size_t end = std::min(opening.begin, stop.undecided);
  if (is_holding_) {
    decided_ = std::max(decided_, end);
    stop_from_ = end;
  } else {
    GiveDecided(end, is_final, events);
  }
  return false;
}

// Gives out what comes before the call, and begins to hold.
void ReplyParser::BeginCall(const CallOpening& opening, std::vector<ReplyEvent>* events) {
  const bool is_json = opening.kind == CallOpening::Kind::kJson;
  const std::string name(opening.name);
  std::size_t body = opening.body;
  std::size_t opening_begin = opening.begin;
  shows_pieces_ = !is_holding_ && !is_json;
  if (!is_holding_) {
    const std::size_t size = held_.size();
    GiveDecided(opening.begin, false, events);
    body -= size - held_.size();
    opening_begin -= size - held_.size();
    is_holding_ = true;
    call_begin_ = opening_begin;
    stop_from_ = opening_begin;
    if (!is_json) {
      events->push_back({ReplyEvent::Kind::kToolCallBegin, name, {}});
      has_begun_call_ = true;
      call_given_ = body;
    }
  }
  decided_ = body;
  state_ = is_json ? State::kJsonCall : State::kFunctionCall;
  object_ = {};
  open_.clear();
  if (!is_json) open_.push_back(held_.compare(opening_begin, kCallOpen.size(), kCallOpen) == 0);
  last_kind_ = TagKind::kFunctionOpen;
  last_end_ = body;
  is_last_new_ = false;
}

void ReplyParser::GivePieces(std::size_t end, std::vector<ReplyEvent>* events) {
  if (options_.tools.empty()) end = std::min(end, stop_from_);
  if (!shows_pieces_ || end <= call_given_) return;
  events->push_back({ReplyEvent::Kind::kToolCallPiece, held_.substr(call_given_, end - call_given_), {}});
  call_given_ = end;
}

// Ends the reply at a stop string in what looks like a call.
bool ReplyParser::StopInCall(bool is_final, std::vector<ReplyEvent>* events) {
  const StopSearch stop = FindStop(options_.stop_strings, held_, stop_from_, held_.size(), is_final);
  stop_from_ = std::min(stop.found, stop.undecided);
  if (stop.found > stop.undecided || stop.found == std::string_view::npos) return false;
  held_.resize(stop.found);
  stop_string_ = stop.stop;
  GiveHeld(ReplyEnd::kCut, events);
  state_ = State::kStopped;
  return true;
}

// Follows the call's tags to where it seems to end, as CallReader counts them: behind that, stop strings count again.
bool ReplyParser::ProcessFunctionCall(std::vector<ReplyEvent>* events) {
  while (true) {
    const CallTag tag = FindTag(held_, decided_);
    if (tag.kind == TagKind::kNone) {
      decided_ = tag.begin;
      GivePieces(decided_, events);
      return false;
    }
    const bool is_near = tag.begin - last_end_ <= kMaxTagGap && SkipSpace(held_, last_end_) >= tag.begin;
    const TagKind before = is_near ? last_kind_ : TagKind::kNone;
    const bool is_function_close = tag.kind == TagKind::kFunctionClose;
    const bool is_call_close = tag.kind == TagKind::kCallClose;
    if (before == TagKind::kFunctionOpen && is_last_new_ &&
        (tag.kind == TagKind::kParameterOpen || is_function_close || is_call_close))
      open_.push_back(is_last_wrapped_);
    ends_value_ = before == TagKind::kParameterClose || before == TagKind::kFunctionOpen;
    last_kind_ = tag.kind;
    last_end_ = tag.end;
    is_last_new_ = tag.kind == TagKind::kFunctionOpen;
    is_last_wrapped_ = before == TagKind::kCallOpen;
    decided_ = tag.end;
    if (is_function_close) {
      state_ = State::kCallEnd;
      return true;
    }
    if (!is_call_close || !ends_value_) continue;
    open_.pop_back();
    if (!open_.empty()) continue;
    GivePieces(tag.begin, events);
    state_ = State::kContent;
    return true;
  }
}

bool ReplyParser::ProcessJsonCall() {
  if (!object_.Advance(held_, &decided_)) return false;
  state_ = State::kCallEnd;
  return true;
}

// Behind </function> or a JSON object: what follows says whether that ended a call; </tool_call> belongs to it.
bool ReplyParser::ProcessCallEnd(bool is_final, std::vector<ReplyEvent>* events) {
  const std::size_t next = SkipSpace(held_, decided_);
  const bool is_near = next - decided_ <= kMaxTagGap;
  const CallTag tag = FindTag(std::string_view(held_).substr(0, next + 2 * kMaxTagGap), next);
  const bool is_undecided = next == held_.size() || (tag.is_cut && tag.begin == next);
  if (is_near && is_undecided && !is_final) {
    GivePieces(decided_, events);
    return false;
  }
  const TagKind behind = is_near && tag.begin == next ? tag.kind : TagKind::kNone;
  const bool is_closed = behind == TagKind::kCallClose;
  const bool is_followed = is_closed || behind == TagKind::kCallOpen || behind == TagKind::kFunctionOpen;
  const bool is_json = last_kind_ == TagKind::kFunctionOpen;
  if (!is_json && (is_closed || (ends_value_ && (is_followed || !open_.back())))) open_.pop_back();
  state_ = open_.empty() ? State::kContent : State::kFunctionCall;
  GivePieces(is_closed && open_.empty() ? next : decided_, events);
  if (!is_closed) return true;
  decided_ = tag.end;
  last_end_ = tag.end;
  last_kind_ = TagKind::kCallClose;
  return true;
}

// Cuts `text`, a part of held_, where a stop string begins in it.
bool ReplyParser::CutAtStop(std::string_view* text) {
  const auto begin = static_cast<std::size_t>(text->data() - held_.data());
  const StopSearch stop = FindStop(options_.stop_strings, held_, begin, begin + text->size(), true);
  if (stop.found >= begin + text->size()) return false;
  *text = text->substr(0, stop.found - begin);
  stop_string_ = stop.stop;
  return true;
}

// The reply is over: all of held_ as calls and the text between them, newlines around calls left out.
void ReplyParser::GiveHeld(ReplyEnd end, std::vector<ReplyEvent>* events) {
  const bool is_thinking = state_ == State::kThinking;
  stop_from_ = held_.size();
  std::vector<ReplyPart> parts;
  const bool is_cut_reasoning = is_thinking && end == ReplyEnd::kCut;  // who knows whether it would have been closed
  if (is_holding_ && !is_cut_reasoning) {
    parts = ReadCalls(held_, options_.tools, is_thinking ? CallScope::kDeclared : CallScope::kAll, end);
  } else if (is_cut_reasoning || (!held_.empty() && !is_thinking)) {
    parts.push_back({held_, std::nullopt, 0});  // or newlines; those at the end of reasoning are dropped
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string_view text = parts[i].text;
    if (parts[i].call.has_value()) {
      const auto begin = static_cast<std::size_t>(text.data() - held_.data());
      if (!has_begun_call_ || begin != call_begin_) {
        events->push_back({ReplyEvent::Kind::kToolCallBegin, parts[i].call->name, {}});
        call_given_ = begin + parts[i].body;
      }
      shows_pieces_ = true;
      GivePieces(begin + text.size() - (text.ends_with(kCallClose) ? kCallClose.size() : 0), events);
      events->push_back({ReplyEvent::Kind::kToolCallEnd, "", std::move(*parts[i].call)});
      continue;
    }
    const bool is_stopped = is_holding_ && !is_thinking && CutAtStop(&text);
    const bool is_last = is_stopped || i + 1 == parts.size();
    if (i > 0) text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
    if (!is_last || is_thinking) text.remove_suffix(TrailingNewlines(text));
    if (is_thinking && i > 0 && !text.empty()) Emit("\n", events);  // in place of the call
    Emit(text, events);
    if (!is_stopped) continue;
    state_ = State::kStopped;
    break;
  }
  held_.clear();
  decided_ = 0;
  is_holding_ = false;
}

}  // namespace thimble
