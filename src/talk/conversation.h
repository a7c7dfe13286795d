// SPDX-License-Identifier: Apache-2.0
// Conversation: messages, pictures and answers over a Session; what the model no longer reads when it gets too long.
// Opens no file, decodes no picture, knows no terminal.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "engine/picture.h"
#include "engine/session.h"
#include "files/json.h"
#include "talk/message_archive.h"
#include "text/chat.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace thimble {

// What happens to a conversation that no longer fits into the context.
enum class WhenFull {
  kWindow,  // its oldest exchanges are left out of what the model reads (talk/window.h)
  kStop,    // it ends: answers are cut, then messages refused
};

// A picture for the next message, and where it came from, for the saved conversation.
struct Attachment {
  std::string source;
  Picture picture;
};

// Exchanges that the model does not read any more.
struct LeftOut {
  int exchanges = 0;
  int messages = 0;
  std::int64_t tokens = 0;
};

struct TalkListener {
  Sink reply;  // as Session::Generate's
  // Before an answer: what is left out from now on, and whether anything was before. Taken back with the question.
  std::function<void(const LeftOut& now, bool is_first)> left_out;
};

struct Answer {
  Reply reply;
  // False: it was cancelled before it said anything, and the conversation is as it was.
  bool is_kept = true;
};

// How a conversation fills the context.
struct ContextUse {
  struct Counted {
    int question = 0;  // questions are numbered from 1, those left out too; 0: no question
    std::int64_t tokens = 0;
  };
  std::int64_t context = 0;
  std::int64_t used = 0;                 // with all that the model reads so far
  std::int64_t tools = 0;                // of it, tools that no system message stands in front of
  std::vector<Counted> messages;         // of it, those of Conversation::messages()
  LeftOut left_out;                      // so far, with the tokens that they had
  LeftOut next;                          // with the next message, its pictures counted and its words not
  std::vector<PictureReading> attached;  // how each picture of the next message would be read
};

class Conversation {
 public:
  // `how`: how to answer; what it asks (messages, pictures, ids) is not used. `system` may be empty.
  Conversation(std::shared_ptr<const Engine> engine, std::unique_ptr<Session> session, GenerateRequest how,
               std::string system, WhenFull when_full);

  // Asks, with pictures in front of the text, and answers. Where that fails (kExhausted when memory runs out, as in all
  // of these that return a Result) or is cancelled before the first word, the
  // conversation is as it was and the pictures are still attached; else they are in the conversation. Errors are
  // Generate's, and kExhausted with both numbers for a message that does not fit by itself.
  Result<Answer> Ask(const std::string& text, std::vector<Attachment>* attached, const TalkListener& listener);
  // Puts another text in place of question `number`'s (its pictures stay), forgets all behind it, and answers. As it
  // was where that fails; kInvalid where there is no such question, or where its pictures are gone because it was left
  // out.
  Result<Answer> Edit(int number, const std::string& text, const TalkListener& listener);
  // Answers the last question anew. As it was where that fails; kInvalid before the first question.
  Result<Answer> Again(const TalkListener& listener);

  // Forgets everything but the system text.
  void Reset();
  // Forgets everything, goes on with this conversation and its tools. `pictures` are those of its places, in order.
  void Load(Chat chat, std::vector<Picture> pictures);
  // Leaves out the first `count` messages behind the system text, of a loaded conversation that had done so before.
  // Errors as Engine::Measure.
  Status LeaveOut(std::size_t count);
  // All messages, those left out too: a list, or an object with "messages" and "tools" where there are tools.
  [[nodiscard]] Json Save() const;

  // What everything takes, and what `attached` would; they come back as they are. Not const only because they are
  // lent to the request meanwhile. Errors as Engine::Measure.
  Result<ContextUse> Count(std::vector<Attachment>* attached);

  // What the model reads. Left out are the first ones behind the system text, num_left_out() of them.
  [[nodiscard]] std::span<const Message> messages() const { return request_.chat().messages; }
  [[nodiscard]] std::size_t num_left_out() const { return left_out_.size(); }
  [[nodiscard]] const Engine& engine() const { return *engine_; }
  [[nodiscard]] Session* session() { return session_.get(); }
  [[nodiscard]] WhenFull when_full() const { return when_full_; }
  [[nodiscard]] Detail detail() const { return request_.detail.value_or(Detail::kFile); }
  void set_detail(Detail detail) { request_.detail = detail; }
  void set_think(ThinkMode think) { request_.think = think; }

 private:
  // Exchanges on their way out; until there is an answer they can come back.
  struct Dropped {
    LeftOut counts;
    std::vector<Message> messages;
    std::vector<std::int64_t> tokens;  // of each
    std::vector<Picture> pictures;
  };

  // Memory that runs out in any of these is an error, or leaves things in a state that the caller can put in order
  // without asking for more.
  Result<Answer> EditQuestion(int number, const std::string& text, const TalkListener& listener);
  Result<ContextUse> CountWithNext(std::size_t num_attached);
  Result<Answer> Write(const TalkListener& listener);
  // Takes out of the request what must go before an answer; PutBack takes it back, after an error too.
  Status MakeRoom(Dropped* dropped);
  void Drop(std::size_t end, int exchanges, const PromptCounts& counts, Dropped* dropped);
  void PutBack(Dropped dropped);
  void Keep(const Dropped& dropped, Reply* reply);
  [[nodiscard]] Error TooLong(std::int64_t fixed, std::int64_t alone) const;

  void Append(const std::string& text, std::vector<Attachment>* attached);
  void TakeBack(std::vector<Attachment>* attached);

  // Makes left out question `at` the last message, with those before it that can come back; kInvalid where it cannot.
  Status Return(std::size_t at);
  [[nodiscard]] LeftOut CountLeftOut() const;

  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<Session> session_;
  std::string system_;
  WhenFull when_full_;
  GenerateRequest request_;  // what the model reads, and how to answer
  MessageArchive left_out_;  // what it does not read any more; their pictures are gone
};

}  // namespace thimble
