// SPDX-License-Identifier: Apache-2.0
// KeptChat: what `thimble chat` keeps of a conversation while it goes on, and how a kept one is taken up again.
#pragma once

#include "base/result.h"
#include "cli/options.h"
#include "cli/sync_loop.h"
#include "host/chat_store.h"
#include "service/chat_store.h"
#include "talk/conversation.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::cli {

// All chats that have the words of `search` (empty: all), newest first.
service::OrFault<std::vector<service::ChatHit>> AllChats(service::ChatStore* store, const std::string& search);

class KeptChat {
 public:
  // `say` gets lines for the person. Nothing is kept, and nothing written, where `is_kept` is false; else the store is
  // opened when there is something to keep.
  KeptChat(bool is_kept, std::function<void(const std::string&)> say) : is_kept_(is_kept), say_(std::move(say)) {}
  ~KeptChat();
  KeptChat(const KeptChat&) = delete;
  KeptChat& operator=(const KeptChat&) = delete;

  // What is kept from now on is said with this model and this system text.
  void SetModel(std::string model) { model_ = std::move(model); }
  void SetInstructions(std::string instructions) { instructions_ = std::move(instructions); }

  // Takes up the newest chat (`which` empty), or the one with this id or title. kNotFound, kInvalid where several have
  // such a title, and what the store says.
  Status Resume(const std::string& which);
  [[nodiscard]] const service::ChatSummary& chat() const { return chat_; }
  // Puts the resumed chat's shown branch into `talk`, as it was left: with pictures, and without the exchanges that had
  // no room any more. Errors of pictures that cannot be read.
  Status PutInto(const CommonOptions& common, Conversation* talk);

  // A picture for the next message, as it lies in a file.
  void Attach(const std::string& path, const Image& image);
  void DropAttached() { attached_.clear(); }

  // Before an answer: to a new message, to another text in place of question `number`, or to the last one again.
  void BeginAsk(const std::string& text);
  void BeginEdit(int number, const std::string& text);
  void BeginAgain();
  // A piece of the answer, as it comes.
  void Piece(const ReplyEvent& event);
  // Behind it: `answer` as `talk` gave it. What was taken back there is taken back here.
  void End(const Result<Answer>& answer, const Conversation& talk);

  // What follows is a new chat.
  void BeginNew();
  // What follows goes on with a conversation from a file, which becomes a chat with the next message.
  void BeginLoaded(const Conversation& talk);
  // Of this chat, and of the one that begins with the next message.
  void SetTitle(const std::string& title);
  [[nodiscard]] const std::string& title() const { return chat_.title; }

 private:
  // A message of the branch that the conversation shows.
  struct Entry {
    std::string id;
    bool is_question = false;
    Json pictures = Json::Array();
  };

  Status Open();
  // Everything that follows is not kept: says why, once.
  void GiveUp(const std::string& why);
  [[nodiscard]] bool is_keeping() const { return is_kept_ && !has_given_up_; }
  bool NeedChat(const std::string& text);
  void BeginQuestion(const std::string& text, Json pictures);
  void BeginReply();
  void NoteHead();
  void TakeBack();
  void KeepReply(const Reply& reply, const Conversation& talk);
  void KeepReadings(const Reply& reply);

  bool is_kept_;
  bool has_given_up_ = false;
  std::function<void(const std::string&)> say_;
  std::string model_;
  std::string instructions_;
  std::unique_ptr<service::ChatStore> store_;
  service::ChatSummary chat_;  // id empty: it begins with the next message
  std::unique_ptr<host::ChatMark> mark_;
  std::vector<service::ChatMessage> resumed_;  // what Resume read
  std::vector<service::ChatMessage> loaded_;   // what BeginLoaded found
  std::vector<Entry> branch_;
  std::vector<Entry> branch_before_;  // as it was before the answer that is on its way
  std::string head_before_;
  bool is_new_ = false;  // the chat was made for this answer
  bool takes_attached_ = false;
  std::string first_added_;  // of this answer's messages
  std::string own_title_;    // that the person gave; empty: the first words are the title
  std::vector<Json> attached_;
  std::unique_ptr<service::ReplyJournal> journal_;
  std::unique_ptr<SyncLoop> sync_;
  std::string came_text_, came_reasoning_;
};

}  // namespace thimble::cli
