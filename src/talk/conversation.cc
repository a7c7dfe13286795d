// SPDX-License-Identifier: Apache-2.0
#include "talk/conversation.h"

#include "base/no_memory.h"
#include "base/text.h"
#include "talk/window.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace thimble {

namespace {

Part TextPart(std::string text) { return {Part::Kind::kText, std::move(text), ""}; }

// Appends the elements of `from` from index `first` on to `to`.
template <typename T>
void MoveTail(std::vector<T>* from, std::size_t first, std::vector<T>* to) {
  const auto begin = from->begin() + static_cast<std::ptrdiff_t>(first);
  to->insert(to->end(), std::make_move_iterator(begin), std::make_move_iterator(from->end()));
  from->erase(begin, from->end());
}

// Room for `count` more, without asking for it again each time.
template <typename T>
void ReserveMore(std::size_t count, std::vector<T>* list) {
  if (list->capacity() - list->size() < count) list->reserve(std::max(list->size() + count, 2 * list->capacity()));
}

std::size_t NumQuestions(std::span<const Message> messages) {
  return static_cast<std::size_t>(std::count_if(messages.begin(), messages.end(), IsQuestion));
}

// Another text, and the pictures where they were: in front of it.
void ReplaceText(const std::string& text, Message* message) {
  std::erase_if(message->content, [](const Part& part) { return part.kind == Part::Kind::kText; });
  message->content.push_back(TextPart(text));
}

}  // namespace

Conversation::Conversation(std::shared_ptr<const Engine> engine, std::unique_ptr<Session> session, GenerateRequest how,
                           std::string system, WhenFull when_full)
    : engine_(std::move(engine)),
      session_(std::move(session)),
      system_(std::move(system)),
      when_full_(when_full),
      request_(std::move(how)) {
  Reset();
}

void Conversation::Reset() {
  request_.prompt = Chat();
  request_.pictures.clear();
  left_out_.Clear();
  session_->Clear();
  if (!system_.empty()) request_.chat().messages.push_back({"system", {TextPart(system_)}, false, {}, {}});
}

void Conversation::Load(Chat chat, std::vector<Picture> pictures) {
  Reset();
  request_.chat().messages = std::move(chat.messages);
  request_.chat().tools = std::move(chat.tools);
  request_.chat().options.enable_thinking = chat.options.enable_thinking;
  request_.chat().options.add_vision_id = chat.options.add_vision_id;
  request_.pictures = std::move(pictures);
  for (Picture& picture : request_.pictures) KeepDigest(&picture);
}

Status Conversation::LeaveOut(std::size_t count) {
  const std::size_t begin = NumPinned(request_.chat().messages);
  count = std::min(count, request_.chat().messages.size() - begin);
  if (count == 0) return Done{};
  return ExhaustedIfNoMemory([&]() -> Status {
    THIMBLE_ASSIGN_OR_RETURN(const PromptCounts counts, engine_->Measure(request_));
    Dropped dropped;
    Drop(begin + count, 0, counts, &dropped);
    for (std::size_t i = 0; i < count; ++i) left_out_.Push(dropped.messages[i], dropped.tokens[i]);
    return Done{};
  });
}

Json Conversation::Save() const {
  const std::vector<Json> read = MessagesToJson(request_.chat().messages).items();
  const std::size_t num_pinned = NumPinned(request_.chat().messages);
  std::vector<Json> all(read.begin(), read.begin() + static_cast<std::ptrdiff_t>(num_pinned));
  for (std::size_t i = 0; i < left_out_.size(); ++i) all.push_back(left_out_.ToJson(i));
  all.insert(all.end(), read.begin() + static_cast<std::ptrdiff_t>(num_pinned), read.end());
  Json list = Json::Array(std::move(all));
  if (request_.chat().tools.empty()) return list;
  return Json::Object({{"messages", std::move(list)}, {"tools", Json::Array(request_.chat().tools)}});
}

// Where memory runs out nothing has moved.
void Conversation::Append(const std::string& text, std::vector<Attachment>* attached) {
  Message question;
  question.role = "user";
  for (Attachment& one : *attached) KeepDigest(&one.picture);  // for every request from here on
  for (const Attachment& one : *attached) question.content.push_back({Part::Kind::kImage, "", one.source});
  question.content.push_back(TextPart(text));
  ReserveMore(attached->size(), &request_.pictures);
  ReserveMore(1, &request_.chat().messages);
  for (Attachment& one : *attached) request_.pictures.push_back(std::move(one.picture));
  request_.chat().messages.push_back(std::move(question));
}

void Conversation::TakeBack(std::vector<Attachment>* attached) {
  request_.chat().messages.pop_back();
  const std::size_t first = request_.pictures.size() - attached->size();
  for (std::size_t i = 0; i < attached->size(); ++i) (*attached)[i].picture = std::move(request_.pictures[first + i]);
  request_.pictures.resize(first);
}

Result<Answer> Conversation::Ask(const std::string& text, std::vector<Attachment>* attached,
                                 const TalkListener& listener) {
  return ExhaustedIfNoMemory([&]() -> Result<Answer> {
    Append(text, attached);
    auto answer = Write(listener);
    if (answer.ok() && answer.value().is_kept) {
      attached->clear();
    } else {
      TakeBack(attached);
    }
    return answer;
  });
}

Result<Answer> Conversation::Again(const TalkListener& listener) {
  return ExhaustedIfNoMemory([&]() -> Result<Answer> {
    std::vector<Message>& messages = request_.chat().messages;
    if (NumQuestions(messages) == 0) return Error{Code::kInvalid, "[chat] nothing was asked yet"};
    std::vector<Message> old;
    if (messages.back().role == "assistant") MoveTail(&messages, messages.size() - 1, &old);
    auto answer = Write(listener);
    if (!answer.ok() || !answer.value().is_kept) MoveTail(&old, 0, &messages);  // where they were: there is room
    return answer;
  });
}

Result<Answer> Conversation::Edit(int number, const std::string& text, const TalkListener& listener) {
  return ExhaustedIfNoMemory([&] { return EditQuestion(number, text, listener); });
}

Result<Answer> Conversation::EditQuestion(int number, const std::string& text, const TalkListener& listener) {
  std::vector<Message>& messages = request_.chat().messages;
  // Where the question stands: among those left out, then among those that are read.
  int count = 0;
  std::size_t out = 0;
  while (out < left_out_.size() && !(left_out_.is_question(out) && ++count == number)) ++out;
  const auto is_it = [&](const Message& message) { return IsQuestion(message) && ++count == number; };
  const bool is_left_out = out < left_out_.size();
  const auto read = is_left_out ? messages.end() : std::find_if(messages.begin(), messages.end(), is_it);
  if (!is_left_out && read == messages.end()) {
    return Error{Code::kInvalid, count == 0
                                     ? std::string("[chat] nothing was asked yet")
                                     : Cat("[chat] questions have the numbers 1 to ", count, ", found ", number)};
  }
  // Words are copied, so that they can come back; pixels move.
  std::vector<Message> old_messages = messages;
  MessageArchive old_left_out = left_out_;
  std::vector<Picture> old_pictures;
  auto answer = ExhaustedIfNoMemory([&]() -> Result<Answer> {
    if (is_left_out) {
      THIMBLE_RETURN_IF_ERROR(Return(out));
      MoveTail(&request_.pictures, 0, &old_pictures);
    } else {
      messages.erase(read + 1, messages.end());
      MoveTail(&request_.pictures, NumPictures(messages), &old_pictures);
    }
    ReplaceText(text, &messages.back());
    return Write(listener);
  });
  if (!answer.ok() || !answer.value().is_kept) {
    messages = std::move(old_messages);
    left_out_ = std::move(old_left_out);
    MoveTail(&old_pictures, 0, &request_.pictures);  // where they were: there is room
  }
  return answer;
}

Status Conversation::Return(std::size_t at) {
  if (left_out_.has_pictures(at)) {
    return Error{Code::kInvalid,
                 "[chat] that question's pictures were given back when it no longer fitted; ask it again with them"};
  }
  // Back to the last one whose pictures are gone; whatever does not fit is left out again.
  std::size_t first = at;
  while (first > 0 && !left_out_.has_pictures(first - 1)) --first;
  while (first > 0 && first < at && !left_out_.is_question(first)) ++first;
  std::vector<Message>& messages = request_.chat().messages;
  messages.resize(NumPinned(messages));
  for (std::size_t i = first; i <= at; ++i) messages.push_back(left_out_.Get(i));
  left_out_.Resize(first);
  return Done{};
}

Result<Answer> Conversation::Write(const TalkListener& listener) {
  Dropped dropped;
  const std::size_t num_left_out = left_out_.size();
  auto answer = ExhaustedIfNoMemory([&]() -> Result<Answer> {
    if (when_full_ == WhenFull::kWindow) THIMBLE_RETURN_IF_ERROR(MakeRoom(&dropped));
    if (dropped.counts.exchanges > 0 && listener.left_out) listener.left_out(dropped.counts, num_left_out == 0);
    THIMBLE_ASSIGN_OR_RETURN(Reply reply, session_->Generate(request_, listener.reply));
    const bool is_kept = reply.finish_reason != FinishReason::kCancelled || !reply.text.empty();
    if (is_kept) Keep(dropped, &reply);
    return Answer{std::move(reply), is_kept};
  });
  if (answer.ok() && answer.value().is_kept) return answer;
  left_out_.Resize(num_left_out);
  PutBack(std::move(dropped));
  return answer;
}

// All that memory may run out for comes first.
void Conversation::Keep(const Dropped& dropped, Reply* reply) {
  Message answer{"assistant", {TextPart(reply->text)}, false, {}, reply->tool_calls};
  if (!reply->thinking.empty()) answer.reasoning_content = reply->thinking;
  ReserveMore(1, &request_.chat().messages);
  for (std::size_t i = 0; i < dropped.messages.size(); ++i) left_out_.Push(dropped.messages[i], dropped.tokens[i]);
  reply->stats.dropped_messages = dropped.counts.messages;
  reply->stats.dropped_tokens = dropped.counts.tokens;
  // What was decided for a picture stays, and of a photo no more than was read.
  for (std::size_t i = 0; i < reply->pictures.size(); ++i) {
    (void)ExhaustedIfNoMemory([&]() -> Status {
      Settle(reply->pictures[i], &request_.pictures[i]);
      return Done{};
    });
  }
  request_.chat().messages.push_back(std::move(answer));
}

// Several rounds: a picture that nothing was decided for yet gets more room when something goes.
Status Conversation::MakeRoom(Dropped* dropped) {
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const PromptCounts counts, engine_->Measure(request_));
    const std::vector<std::size_t> begins = ExchangeBegins(request_.chat().messages);
    const WindowCounts window = CountWindow(counts, request_.chat().messages);
    const WindowPlan plan = PlanWindow(window, engine_->context(), request_.max_tokens);
    if (!plan.fits) return TooLong(window.fixed, window.exchanges.empty() ? 0 : window.exchanges.back());
    if (plan.num_dropped == 0) return Done{};
    Drop(begins[plan.num_dropped], static_cast<int>(plan.num_dropped), counts, dropped);
  }
}

Error Conversation::TooLong(std::int64_t fixed, std::int64_t alone) const {
  std::vector<Advice> advice = {{Advice::kShorten}};
  if (!request_.pictures.empty())
    advice.push_back({detail() == Detail::kFile ? Advice::kLowerPixels : Advice::kLowerDetail});
  advice.push_back({Advice::kRaiseContext, engine_->config().context_length});
  return Error{Code::kExhausted,
               Cat("[context] the message has ", alone, " tokens, what always stays ", fixed, ", the context ",
                   engine_->context()),
               std::move(advice)};
}

// Takes the messages between the pinned ones and `end` out of the request, and their pictures.
void Conversation::Drop(std::size_t end, int exchanges, const PromptCounts& counts, Dropped* dropped) {
  std::vector<Message>& messages = request_.chat().messages;
  const std::size_t begin = NumPinned(messages);
  const auto num_pictures = static_cast<std::ptrdiff_t>(NumPictures(std::span(messages).subspan(begin, end - begin)));
  // First what memory may run out for.
  ReserveMore(end - begin, &dropped->messages);
  ReserveMore(end - begin, &dropped->tokens);
  ReserveMore(static_cast<std::size_t>(num_pictures), &dropped->pictures);
  for (std::size_t i = begin; i < end; ++i) {
    dropped->messages.push_back(std::move(messages[i]));
    dropped->tokens.push_back(counts.messages[i]);
    dropped->counts.tokens += counts.messages[i];
  }
  messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(begin),
                 messages.begin() + static_cast<std::ptrdiff_t>(end));
  auto& pictures = request_.pictures;
  dropped->pictures.insert(dropped->pictures.end(), std::make_move_iterator(pictures.begin()),
                           std::make_move_iterator(pictures.begin() + num_pictures));
  pictures.erase(pictures.begin(), pictures.begin() + num_pictures);
  dropped->counts.exchanges += exchanges;
  dropped->counts.messages += static_cast<int>(end - begin);
}

// Where they were, there is room: nothing is allocated.
void Conversation::PutBack(Dropped dropped) {
  std::vector<Message>& messages = request_.chat().messages;
  std::vector<Message>& back = dropped.messages;
  messages.insert(messages.begin() + static_cast<std::ptrdiff_t>(NumPinned(messages)),
                  std::make_move_iterator(back.begin()), std::make_move_iterator(back.end()));
  request_.pictures.insert(request_.pictures.begin(), std::make_move_iterator(dropped.pictures.begin()),
                           std::make_move_iterator(dropped.pictures.end()));
}

LeftOut Conversation::CountLeftOut() const {
  LeftOut all;
  all.messages = static_cast<int>(left_out_.size());
  for (std::size_t i = 0; i < left_out_.size(); ++i) {
    all.tokens += left_out_.tokens(i);
    all.exchanges += i == 0 || left_out_.is_question(i) ? 1 : 0;
  }
  return all;
}

Result<ContextUse> Conversation::Count(std::vector<Attachment>* attached) {
  return ExhaustedIfNoMemory([&]() -> Result<ContextUse> {
    // As the next message would find everything: the template leaves out old reasoning, and wants a question.
    Append("", attached);
    auto use = ExhaustedIfNoMemory([&] { return CountWithNext(attached->size()); });
    TakeBack(attached);
    return use;
  });
}

Result<ContextUse> Conversation::CountWithNext(std::size_t num_attached) {
  ContextUse use;
  use.context = engine_->context();
  use.left_out = CountLeftOut();
  THIMBLE_ASSIGN_OR_RETURN(const PromptCounts counts, engine_->Measure(request_));
  const auto attached = [num_attached](const PromptCounts& all) {
    return std::vector<PictureReading>(all.pictures.end() - static_cast<std::ptrdiff_t>(num_attached),
                                       all.pictures.end());
  };
  use.attached = attached(counts);
  use.tools = use.used = counts.before;
  int number = 0;
  for (std::size_t i = 0; i < left_out_.size(); ++i) number += left_out_.is_question(i) ? 1 : 0;
  for (std::size_t i = 0; i + 1 < request_.chat().messages.size(); ++i) {
    const std::int64_t tokens = counts.messages[i];
    use.messages.push_back({IsQuestion(request_.chat().messages[i]) ? ++number : 0, tokens});
    use.used += tokens;
  }
  if (when_full_ != WhenFull::kWindow) return use;
  // One that does not fit by itself keeps what was measured.
  Dropped dropped;
  const Status status = ExhaustedIfNoMemory([&]() -> Status {
    THIMBLE_RETURN_IF_ERROR(MakeRoom(&dropped));
    if (dropped.counts.exchanges == 0) return Done{};
    use.next = dropped.counts;
    THIMBLE_ASSIGN_OR_RETURN(const PromptCounts then, engine_->Measure(request_));
    use.attached = attached(then);
    return Done{};
  });
  PutBack(std::move(dropped));
  (void)status;
  return use;
}

}  // namespace thimble
