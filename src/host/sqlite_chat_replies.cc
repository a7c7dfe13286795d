// SPDX-License-Identifier: Apache-2.0
// SqliteChatStore: replies on their way, and what becomes of those whose process is gone.
#include "base/text.h"
#include "host/chat_rows.h"
#include "host/chat_schema.h"
#include "host/sqlite_chat_store.h"
#include "service/chat_form.h"
#include "sys/folder.h"

#include <algorithm>
#include <set>
#include <utility>

namespace thimble::host {

namespace {

// Announced and not begun. Beyond these, one is given up: it becomes a message that was stopped.
constexpr std::size_t kMostWaiting = 64;

Fault FaultOfJournal(const Error& error) {
  if (error.code == Code::kInvalid) return StoreFault(409, "somebody else is writing this reply");
  if (error.code == Code::kExhausted) return StoreFault(507, "the disk is full: a reply cannot be kept", "disk_full");
  return StoreFault(500, "the journal of a reply cannot be written");
}

// What came, behind what was there, in whole characters.
std::string Joined(const std::string& before, std::string_view came) {
  const std::size_t room = service::kMostMessageBytes - std::min(service::kMostMessageBytes, before.size());
  if (came.size() > room) came = came.substr(0, CompletePrefixLength(came.substr(0, room)));
  return ReplaceInvalidUtf8(Cat(before, came)).substr(0, service::kMostMessageBytes);
}

// Puts what came into its message, which gets the state; 404 where it is gone.
OrFault<Done> Settle(Database* database, const std::string& id, const JournalText& came, MessageState state) {
  std::string text;
  std::string reasoning;
  std::int64_t seq = 0;
  {
    THIMBLE_ASSIGN_OR_RETURN(Statement row,
                             database->Query("SELECT seq, text, reasoning FROM messages WHERE id = ?1", id));
    THIMBLE_ASSIGN_OR_RETURN(const bool is_there, row.Step());
    if (!is_there) return StoreFault(404, "the message of this reply was deleted");
    seq = row.Int(0);
    text = Joined(row.Text(1), came.text);
    reasoning = Joined(row.Text(2), came.reasoning);
  }
  THIMBLE_RETURN_IF_ERROR(UnindexText(database, seq));
  THIMBLE_RETURN_IF_ERROR(database->Run("UPDATE messages SET text = ?2, reasoning = ?3, state = ?4 WHERE seq = ?1", seq,
                                        text, reasoning, NumberOf(state)));
  return IndexText(database, seq);
}

class Reply : public service::ReplyJournal {
 public:
  Reply(std::shared_ptr<ChatFiles> files, std::string message, std::unique_ptr<JournalFile> journal)
      : files_(std::move(files)), message_(std::move(message)), journal_(std::move(journal)) {}

  void Append(std::string_view reasoning, std::string_view text) override {
    const MutexLock lock(&mutex_);
    if (!is_over_) journal_->Append(reasoning, text);
  }

  OrFault<Done> Sync() override {
    {
      const MutexLock lock(&mutex_);
      if (is_over_) return Done{};
      const Status status = journal_->Flush();
      if (!status.ok()) return FaultOfJournal(status.error());
    }
    // Without the lock: Append must not wait for the disk.
    const Status status = journal_->Sync();
    if (!status.ok()) return FaultOfJournal(status.error());
    return Done{};
  }

  OrFault<Done> Finish(MessageState state, const std::string& model, const Json& facts) override {
    if (state == MessageState::kRunning) return StoreFault(400, "a reply that is over is not on its way");
    THIMBLE_RETURN_IF_ERROR(service::CheckFacts("facts", facts));
    const MutexLock lock(&mutex_);
    if (is_over_) return StoreFault(409, "this reply is over already");
    const MutexLock files_lock(&files_->mutex);
    const auto written = Write(files_->database.get(), state, model, facts);
    // Where the disk is full the journal stays: the next start finds it.
    is_over_ = written.ok() || written.error().status == 404;
    if (is_over_) journal_->Remove();
    return written;
  }

 private:
  OrFault<Done> Write(Database* database, MessageState state, const std::string& model, const Json& facts) {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
    THIMBLE_RETURN_IF_ERROR(Settle(database, message_, journal_->text(), state));
    THIMBLE_RETURN_IF_ERROR(database->Run(
        "UPDATE messages SET facts = ?2, tokens = ?3, model = CASE ?4 WHEN '' THEN model ELSE ?4 END WHERE id = ?1",
        message_, facts.IsNull() ? std::string("{}") : facts.Dump(), TokensOf(facts), model));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t chat,
                             database->Number("SELECT chat FROM messages WHERE id = ?1", message_));
    THIMBLE_RETURN_IF_ERROR(
        database->Run("UPDATE chats SET model = CASE ?2 WHEN '' THEN model ELSE ?2 END WHERE seq = ?1", chat, model));
    THIMBLE_RETURN_IF_ERROR(Touch(database, chat, files_->now()));
    return transaction.Commit();
  }

  std::shared_ptr<ChatFiles> files_;
  std::string message_;
  Mutex mutex_;
  std::unique_ptr<JournalFile> journal_;  // its lock tells others that somebody lives, until this goes
  bool is_over_ = false;
};

}  // namespace

OrFault<Done> SqliteChatStore::HoldJournal(const std::string& message) {
  auto journal = JournalFile::Create(folder_.Journal(message), service::kMostMessageBytes);
  if (!journal.ok()) return FaultOfJournal(journal.error());
  if (waiting_.size() >= kMostWaiting) waiting_.erase(waiting_.begin());
  waiting_[message] = std::move(journal).value();
  return Done{};
}

OrFault<std::unique_ptr<service::ReplyJournal>> SqliteChatStore::Begin(const std::string& chat,
                                                                       const std::string& message) {
  const MutexLock lock(&files_->mutex);
  std::int64_t chat_seq = 0;
  if (!chat.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(chat_seq, ChatRow(database_, chat));
  }
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, MessageRow(database_, chat_seq, message));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t state,
                           database_->Number("SELECT state FROM messages WHERE seq = ?1", seq));
  if (state != NumberOf(MessageState::kRunning)) return StoreFault(409, "this message is not on its way");
  if (!waiting_.contains(message)) THIMBLE_RETURN_IF_ERROR(HoldJournal(message));
  std::unique_ptr<JournalFile> journal = std::move(waiting_[message]);
  waiting_.erase(message);
  return std::unique_ptr<service::ReplyJournal>(new Reply(files_, message, std::move(journal)));
}

OrFault<Done> SqliteChatStore::Recover() {
  std::set<std::string> running;
  {
    THIMBLE_ASSIGN_OR_RETURN(Statement rows, database_->Query("SELECT id FROM messages WHERE state = 1"));
    while (true) {
      THIMBLE_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
      if (!has_row) break;
      running.insert(rows.Text(0));
    }
  }
  // Files of messages that are over or gone: their process died between the last two steps.
  auto names = NamesInFolder(folder_.Running());
  if (names.ok()) running.insert(names.value().begin(), names.value().end());
  for (const std::string& id : running) {
    bool is_held = false;
    auto journal = JournalFile::TakeOver(folder_.Journal(id), service::kMostMessageBytes, &is_held);
    if (is_held) continue;
    if (!journal.ok()) return FaultOfJournal(journal.error());
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t is_running,
                             database_->Number("SELECT count(*) FROM messages WHERE id = ?1 AND state = 1", id));
    if (is_running != 0) {
      const JournalText none;
      THIMBLE_RETURN_IF_ERROR(
          Settle(database_, id, journal.value() ? journal.value()->text() : none, MessageState::kStopped));
    }
    THIMBLE_RETURN_IF_ERROR(transaction.Commit());
    if (journal.value()) journal.value()->Remove();
  }
  return Done{};
}

}  // namespace thimble::host
