// SPDX-License-Identifier: Apache-2.0
// A ChatStore for tests of the service: everything is in memory, and it counts what it is asked for.
#pragma once

#include "service/chat_form.h"
#include "service/chat_store.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace thimble::testing {

class MemoryChatStore : public service::ChatStore {
 public:
  template <typename T>
  using OrFault = service::OrFault<T>;
  using Summary = service::ChatSummary;
  using Message = service::ChatMessage;

  OrFault<std::vector<service::ChatHit>> List(const service::ChatQuery& query) override {
    const std::lock_guard lock(mutex_);
    std::vector<service::ChatHit> hits;
    for (const auto& [id, chat] : chats_) {
      service::ChatHit hit{Counted(chat), "", ""};
      if (query.folder && *query.folder != hit.chat.folder) continue;
      if (query.before > 0 && hit.chat.updated >= query.before) continue;
      if (!query.search.empty() && !FindWords(chat, query.search, &hit)) continue;
      hits.push_back(std::move(hit));
    }
    std::sort(hits.begin(), hits.end(), [](const auto& a, const auto& b) {
      if (a.chat.is_pinned != b.chat.is_pinned) return a.chat.is_pinned;
      if (a.chat.updated != b.chat.updated) return a.chat.updated > b.chat.updated;
      return a.chat.id < b.chat.id;
    });
    if (hits.size() > static_cast<std::size_t>(query.most)) hits.resize(static_cast<std::size_t>(query.most));
    return hits;
  }
  OrFault<Summary> Find(const std::string& chat) override {
    const std::lock_guard lock(mutex_);
    THIMBLE_ASSIGN_OR_RETURN(const Kept* const kept, Of(chat));
    return Counted(*kept);
  }
  OrFault<std::vector<Message>> Messages(const std::string& chat) override {
    const std::lock_guard lock(mutex_);
    THIMBLE_ASSIGN_OR_RETURN(const Kept* const kept, Of(chat));
    return kept->messages;
  }
  OrFault<Summary> Create(const Summary& chat) override {
    const std::lock_guard lock(mutex_);
    if (chats_.count(chat.id) > 0) return Wrong(409);
    chats_[chat.id].chat = chat;
    return chat;
  }
  OrFault<Summary> Change(const std::string& chat, const service::ChatChange& change) override {
    const std::lock_guard lock(mutex_);
    THIMBLE_ASSIGN_OR_RETURN(Kept* const kept, Of(chat));
    if (change.title) kept->chat.title = *change.title;
    if (change.instructions) kept->chat.instructions = *change.instructions;
    if (change.folder) kept->chat.folder = *change.folder;
    if (change.head) kept->chat.head = *change.head;
    if (change.is_pinned) kept->chat.is_pinned = *change.is_pinned;
    return Counted(*kept);
  }
  OrFault<Done> Delete(const std::string& chat) override {
    const std::lock_guard lock(mutex_);
    if (chats_.erase(chat) == 0) return Wrong(404);
    return Done{};
  }
  OrFault<Done> Add(const std::string& chat, const Message& message) override {
    const std::lock_guard lock(mutex_);
    THIMBLE_RETURN_IF_ERROR(CheckMessage(message));
    THIMBLE_ASSIGN_OR_RETURN(Kept* const kept, Of(chat));
    if (FindMessage(kept, message.id) != nullptr) return Wrong(409);
    for (const Json& picture : message.pictures.items()) {
      if (pictures_.count(picture.Find("sha256")->text()) == 0) return Wrong(404);
    }
    kept->messages.push_back(message);
    kept->chat.head = message.id;
    kept->chat.updated = std::max(kept->chat.updated, message.created);
    return Done{};
  }
  OrFault<Done> ChangeMessage(const std::string& chat, const std::string& id,
                              const service::MessageChange& change) override {
    const std::lock_guard lock(mutex_);
    THIMBLE_ASSIGN_OR_RETURN(Message* const message, MessageOf(chat, id));
    if (change.text) message->text = *change.text;
    if (change.reasoning) message->reasoning = *change.reasoning;
    if (change.model) message->model = *change.model;
    if (change.state) message->state = *change.state;
    if (change.pictures) message->pictures = *change.pictures;
    if (change.facts) message->facts = *change.facts;
    return Done{};
  }
  OrFault<Done> DeleteMessage(const std::string& chat, const std::string& id) override {
    const std::lock_guard lock(mutex_);
    THIMBLE_ASSIGN_OR_RETURN(const Message* const message, MessageOf(chat, id));
    const std::string head = message->parent;
    std::vector<std::string> gone = {id};
    Kept* const kept = &chats_[chat];
    for (std::size_t i = 0; i < gone.size(); ++i) {
      for (const Message& each : kept->messages) {
        if (each.parent == gone[i]) gone.push_back(each.id);
      }
    }
    std::erase_if(kept->messages,
                  [&](const Message& each) { return std::find(gone.begin(), gone.end(), each.id) != gone.end(); });
    kept->chat.head = head;
    return Done{};
  }
  OrFault<Summary> Import(const Summary& chat, const std::vector<Message>& messages) override {
    const std::lock_guard lock(mutex_);
    Summary made = chat;
    for (int i = 1; made.id.empty() || chats_.count(made.id) > 0; ++i) {
      made.id = std::to_string(i);
      made.id.insert(0, service::kChatIdChars - made.id.size(), 'x');
    }
    chats_[made.id] = {made, messages};
    return Counted(chats_[made.id]);
  }
  OrFault<std::string> PutPicture(std::string_view bytes, const std::string& media_type) override {
    const std::lock_guard lock(mutex_);
    // No hash: 64 digits that other bytes seldom have.
    char name[17];
    std::snprintf(name, sizeof name, "%016zx", std::hash<std::string_view>()(bytes));
    std::string sha256;
    for (int i = 0; i < 4; ++i) sha256 += name;
    pictures_[sha256] = {media_type, std::string(bytes)};
    return sha256;
  }
  OrFault<service::StoredPicture> Picture(const std::string& sha256) override {
    const std::lock_guard lock(mutex_);
    ++num_pictures_read;
    const auto it = pictures_.find(sha256);
    if (it == pictures_.end()) return Wrong(404);
    return it->second;
  }
  OrFault<std::unique_ptr<service::ReplyJournal>> Begin(const std::string& chat, const std::string& id) override {
    const std::lock_guard lock(mutex_);
    THIMBLE_ASSIGN_OR_RETURN(const Message* const message, MessageOf(chat, id));
    if (message->state != service::MessageState::kRunning) return Wrong(409);
    return std::unique_ptr<service::ReplyJournal>(std::make_unique<Journal>(this, chat, id));
  }
  OrFault<Json> Settings() override {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  OrFault<Done> SetSettings(const Json& settings) override {
    const std::lock_guard lock(mutex_);
    settings_ = settings;
    return Done{};
  }
  OrFault<service::SpaceTaken> Space() override {
    const std::lock_guard lock(mutex_);
    return service::SpaceTaken{static_cast<std::int64_t>(chats_.size()), static_cast<std::int64_t>(pictures_.size()),
                               0};
  }

  int num_syncs = 0;
  int num_pictures_read = 0;
  int num_failures = 0;  // ends of replies that are not taken, the disk being full

 private:
  struct Kept {
    Summary chat;
    std::vector<Message> messages;
  };
  class Journal : public service::ReplyJournal {
   public:
    Journal(MemoryChatStore* store, std::string chat, std::string message)
        : store_(store), chat_(std::move(chat)), message_(std::move(message)) {}
    void Append(std::string_view reasoning, std::string_view text) override {
      const std::lock_guard lock(store_->mutex_);
      const auto message = store_->MessageOf(chat_, message_);
      if (!message.ok()) return;
      message.value()->reasoning += reasoning;
      message.value()->text += text;
    }
    OrFault<Done> Sync() override {
      const std::lock_guard lock(store_->mutex_);
      ++store_->num_syncs;
      return Done{};
    }
    OrFault<Done> Finish(service::MessageState state, const std::string& model, const Json& facts) override {
      const std::lock_guard lock(store_->mutex_);
      if (store_->num_failures > 0) {
        --store_->num_failures;
        return Wrong(507);
      }
      THIMBLE_ASSIGN_OR_RETURN(Message* const message, store_->MessageOf(chat_, message_));
      message->state = state;
      message->model = model;
      message->facts = facts;
      return Done{};
    }

   private:
    MemoryChatStore* store_;
    std::string chat_, message_;
  };

  static service::Fault Wrong(int status) { return {status, "", "", "", "[chats] a test's store says no"}; }
  static Summary Counted(const Kept& kept) {
    Summary chat = kept.chat;
    chat.num_messages = static_cast<std::int64_t>(kept.messages.size());
    return chat;
  }
  static Message* FindMessage(Kept* kept, const std::string& id) {
    for (Message& message : kept->messages) {
      if (message.id == id) return &message;
    }
    return nullptr;
  }
  static bool FindWords(const Kept& kept, const std::string& words, service::ChatHit* hit) {
    const auto mark = [&](const std::string& text) {
      const std::size_t at = text.find(words);
      if (at == std::string::npos) return false;
      hit->excerpt = text.substr(0, at) + "\xEE\x80\x80" + words + "\xEE\x80\x81" + text.substr(at + words.size());
      return true;
    };
    if (mark(kept.chat.title)) return true;
    return std::any_of(kept.messages.begin(), kept.messages.end(), [&](const Message& message) {
      hit->message = message.id;
      return mark(message.text);
    });
  }
  OrFault<Kept*> Of(const std::string& chat) {
    const auto it = chats_.find(chat);
    if (it == chats_.end()) return Wrong(404);
    return &it->second;
  }
  OrFault<Message*> MessageOf(const std::string& chat, const std::string& id) {
    THIMBLE_ASSIGN_OR_RETURN(Kept* const kept, Of(chat));
    Message* const message = FindMessage(kept, id);
    if (message == nullptr) return Wrong(404);
    return message;
  }

  std::mutex mutex_;
  std::map<std::string, Kept> chats_;
  std::map<std::string, service::StoredPicture> pictures_;
  Json settings_ = Json::Object();
};

}  // namespace thimble::testing
