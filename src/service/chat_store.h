// SPDX-License-Identifier: Apache-2.0
// ChatStore: conversations that are kept, with their branches and pictures, as the service asks for them. A carrier has
// one or none.
#pragma once

#include "files/json.h"
#include "service/or_fault.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

// A conversation without its messages. Times are milliseconds since 1970.
struct ChatSummary {
  std::string id;  // 24 letters and digits
  std::string title;
  std::string model;         // that answered last
  std::string instructions;  // of this chat alone
  std::string folder;        // empty: none
  std::string head;          // the message at which the shown branch ends; empty: there is none
  bool is_pinned = false;
  std::int64_t created = 0, updated = 0;
  std::int64_t num_messages = 0, num_tokens = 0, num_pictures = 0;
};

enum class MessageState { kDone, kRunning, kStopped, kFailed };

// One message. All messages of a chat form a tree: siblings are branches.
struct ChatMessage {
  std::string id;      // 24 letters and digits, chosen by whoever writes it
  std::string parent;  // empty: it begins the conversation
  std::string role;    // "user", "assistant"
  std::string model;   // that answered
  MessageState state = MessageState::kDone;
  std::int64_t created = 0;
  std::string text;
  std::string reasoning;
  // [{"sha256", "name", "width", "height", "detail", "tokens"}], in their order before the text.
  Json pictures;
  Json facts;  // what a client keeps with it: timings, finish, tool calls; at most 64 KiB
};

// Parts that are absent stay as they are.
struct ChatChange {
  std::optional<std::string> title, instructions, folder, head;
  std::optional<bool> is_pinned;
};
struct MessageChange {
  std::optional<std::string> text, reasoning, model;
  std::optional<MessageState> state;
  std::optional<Json> pictures, facts;
};

struct ChatQuery {
  std::string search;  // in titles and texts; empty: all
  std::optional<std::string> folder;
  std::int64_t before = 0;  // only chats that changed earlier than this; 0: all
  int most = 100;
};
// What a search found: the chat, and where the words stand.
struct ChatHit {
  ChatSummary chat;
  std::string message;  // empty: the title
  std::string excerpt;  // some 160 characters around the first hit; what was found stands between U+E000 and U+E001
};

struct StoredPicture {
  std::string media_type;
  std::string bytes;
};

struct SpaceTaken {
  std::int64_t chats = 0, pictures = 0, backups = 0;  // bytes
};

// A reply on its way, which outlives the process: what Append got is there after a kill, what Sync wrote after a power
// cut. Append may be called on Pump's thread: it does not wait for the disk.
class ReplyJournal {
 public:
  virtual ~ReplyJournal() = default;
  virtual void Append(std::string_view reasoning, std::string_view text) = 0;
  // On Help's thread.
  virtual OrFault<Done> Sync() = 0;
  // The reply is over: the message gets what came, its state and facts, in one step, and the journal goes. Help's
  // thread.
  virtual OrFault<Done> Finish(MessageState state, const std::string& model, const Json& facts) = 0;
};

// Every call may wait for the disk: on Help's thread, or in a program without one. Any thread, one at a time each. 404
// for ids that are not here, 409 for ids that are here already, 507 where the disk is full; a call that fails changes
// nothing.
class ChatStore {
 public:
  virtual ~ChatStore() = default;
  // Newest first, pinned before all others.
  virtual OrFault<std::vector<ChatHit>> List(const ChatQuery& query) = 0;
  virtual OrFault<ChatSummary> Find(const std::string& chat) = 0;
  virtual OrFault<std::vector<ChatMessage>> Messages(const std::string& chat) = 0;
  virtual OrFault<ChatSummary> Create(const ChatSummary& chat) = 0;
  virtual OrFault<ChatSummary> Change(const std::string& chat, const ChatChange& change) = 0;
  // Nothing of it stays in the files, nor pictures that no other chat has.
  virtual OrFault<Done> Delete(const std::string& chat) = 0;
  // The message becomes its chat's head. Its pictures must be here.
  virtual OrFault<Done> Add(const std::string& chat, const ChatMessage& message) = 0;
  virtual OrFault<Done> ChangeMessage(const std::string& chat, const std::string& message,
                                      const MessageChange& change) = 0;
  // With all that follows it.
  virtual OrFault<Done> DeleteMessage(const std::string& chat, const std::string& message) = 0;
  // A whole conversation at once, or nothing of it: an import. Ids that are taken become new ones.
  virtual OrFault<ChatSummary> Import(const ChatSummary& chat, const std::vector<ChatMessage>& messages) = 0;

  // The picture's file, once; gives its SHA-256 in lower case. It goes with the last message that names it, or after a
  // day without one.
  virtual OrFault<std::string> PutPicture(std::string_view bytes, const std::string& media_type) = 0;
  virtual OrFault<StoredPicture> Picture(const std::string& sha256) = 0;

  // For an assistant's message in state kRunning that was added before. Messages gives such a message with what has
  // come so far.
  virtual OrFault<std::unique_ptr<ReplyJournal>> Begin(const std::string& chat, const std::string& message) = 0;

  // One object of a client's settings, at most 64 KiB.
  virtual OrFault<Json> Settings() = 0;
  virtual OrFault<Done> SetSettings(const Json& settings) = 0;

  virtual OrFault<SpaceTaken> Space() = 0;
};

}  // namespace thimble::service
