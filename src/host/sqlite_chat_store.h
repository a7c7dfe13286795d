// SPDX-License-Identifier: Apache-2.0
// SqliteChatStore: conversations in a database file (host/chat_schema.h), pictures and journals beside it.
#pragma once

#include "host/chat_folder.h"
#include "host/chat_search.h"
#include "host/reply_journal.h"
#include "host/sqlite.h"
#include "service/chat_store.h"
#include "sys/mutex.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::host {

using service::ChatChange;
using service::ChatHit;
using service::ChatMessage;
using service::ChatQuery;
using service::ChatSummary;
using service::MessageChange;
using service::MessageState;
using service::StoredPicture;

struct ChatStoreSettings {
  std::function<std::int64_t()> now;  // milliseconds since 1970; empty: the system's clock
  std::int64_t most_pages = 0;        // of the database; 0: no limit
};

// What a store and the journals of its replies share, which may outlive it.
struct ChatFiles {
  ChatFolder folder;
  std::function<std::int64_t()> now;
  Mutex mutex;
  std::unique_ptr<Database> database THIMBLE_GUARDED_BY(mutex);
};

class SqliteChatStore : public service::ChatStore {
 public:
  static Result<std::unique_ptr<SqliteChatStore>> Open(const std::string& home, const ChatStoreSettings& settings);

  OrFault<std::vector<ChatHit>> List(const ChatQuery& query) override;
  OrFault<ChatSummary> Find(const std::string& chat) override;
  OrFault<std::vector<ChatMessage>> Messages(const std::string& chat) override;
  OrFault<ChatSummary> Create(const ChatSummary& chat) override;
  OrFault<ChatSummary> Change(const std::string& chat, const ChatChange& change) override;
  OrFault<Done> Delete(const std::string& chat) override;
  OrFault<Done> Add(const std::string& chat, const ChatMessage& message) override;
  OrFault<Done> ChangeMessage(const std::string& chat, const std::string& message,
                              const MessageChange& change) override;
  OrFault<Done> DeleteMessage(const std::string& chat, const std::string& message) override;
  OrFault<ChatSummary> Import(const ChatSummary& chat, const std::vector<ChatMessage>& messages) override;
  OrFault<std::string> PutPicture(std::string_view bytes, const std::string& media_type) override;
  OrFault<StoredPicture> Picture(const std::string& sha256) override;
  OrFault<std::unique_ptr<service::ReplyJournal>> Begin(const std::string& chat, const std::string& message) override;
  OrFault<Json> Settings() override;
  OrFault<Done> SetSettings(const Json& settings) override;
  OrFault<service::SpaceTaken> Space() override;

 private:
  explicit SqliteChatStore(std::shared_ptr<ChatFiles> files);

  // Once a day: a backup, and pictures that nobody names go. Where that fails for want of room, tomorrow again.
  OrFault<Done> KeepUp();
  OrFault<std::vector<ChatHit>> ListOnce(const ChatQuery& query, const SearchWords& words);
  // Journals without a living process become the texts of their messages.
  OrFault<Done> Recover();
  // What was deleted goes out of the files, journals that wait among them.
  OrFault<Done> ClearAway();
  OrFault<Done> HoldJournal(const std::string& message);
  OrFault<Done> ApplyChange(std::int64_t seq, const MessageChange& change);

  std::shared_ptr<ChatFiles> files_;
  ChatFolder folder_;
  Database* database_;  // files_'s, under its mutex
  std::string day_;     // of the last KeepUp
  // Of replies that are announced and not begun: as long as they are here, others see that somebody will write them.
  std::map<std::string, std::unique_ptr<JournalFile>> waiting_;
};

}  // namespace thimble::host
