// SPDX-License-Identifier: Apache-2.0
#include "host/sqlite_chat_store.h"

#include "base/text.h"
#include "host/chat_id.h"
#include "host/chat_index.h"
#include "host/chat_rows.h"
#include "host/chat_schema.h"
#include "host/chat_store.h"
#include "host/chat_upkeep.h"
#include "service/chat_form.h"
#include "sys/folder.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace thimble::host {

namespace {

constexpr std::int64_t kDayMilliseconds = 24 * 60 * 60 * 1000;
constexpr int kMostListed = 1'000;
// Of a database with some 2 MB of texts, whose index is compared word by word once a day, in half a second.
constexpr std::int64_t kQuickIndexBytes = std::int64_t{6} << 20;

std::int64_t SystemNow() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::int64_t BytesIn(const std::string& folder) {
  const auto names = NamesInFolder(folder);
  if (!names.ok()) return 0;
  std::int64_t bytes = 0;
  for (const std::string& name : names.value()) bytes += BytesOf(Cat(folder, "/", name));
  return bytes;
}

// The hits of one query, whose first columns are ChatColumns() and then, where it searched, the message's row.
OrFault<Done> TakeHits(Database* database, const std::string& sql, const std::vector<std::string>& values,
                       const SearchWords& words, std::vector<ChatHit>* hits) {
  constexpr int kHitColumn = 12;
  THIMBLE_ASSIGN_OR_RETURN(Statement rows, database->QueryTexts(sql, values));
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return Done{};
    ChatHit hit;
    hit.chat = ChatOfRow(rows);
    if (!words.empty()) {
      std::string text = hit.chat.title;
      if (const std::int64_t message = rows.Int(kHitColumn); message != 0) {
        THIMBLE_ASSIGN_OR_RETURN(hit.message, database->Text("SELECT id FROM messages WHERE seq = ?1", message));
        THIMBLE_ASSIGN_OR_RETURN(text, database->Text("SELECT text FROM messages WHERE seq = ?1", message));
      }
      hit.excerpt = MakeExcerpt(text, words);
    }
    hits->push_back(std::move(hit));
  }
}

class Mark : public ChatMark {
 public:
  explicit Mark(std::string path) : path_(std::move(path)), lock_(path_, 0) {}
  ~Mark() override {
    if (lock_.is_held()) unlink(path_.c_str());
  }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;
  [[nodiscard]] bool is_refused() const { return lock_.is_refused(); }

 private:
  std::string path_;
  FileLock lock_;
};

}  // namespace

std::unique_ptr<ChatMark> MarkChatOpen(const std::string& home, const std::string& chat) {
  auto mark = std::make_unique<Mark>(Cat(ChatFolder{home + "/chats"}.OpenMarks(), "/", chat));
  if (mark->is_refused()) return nullptr;
  return mark;
}

Result<std::unique_ptr<service::ChatStore>> OpenChatStore(const std::string& home) {
  THIMBLE_ASSIGN_OR_RETURN(auto store, SqliteChatStore::Open(home, {}));
  return std::unique_ptr<service::ChatStore>(std::move(store));
}

SqliteChatStore::SqliteChatStore(std::shared_ptr<ChatFiles> files) : files_(std::move(files)), folder_(files_->folder) {
  const MutexLock lock(&files_->mutex);
  database_ = files_->database.get();
}

Result<std::unique_ptr<SqliteChatStore>> SqliteChatStore::Open(const std::string& home,
                                                               const ChatStoreSettings& settings) {
  const ChatFolder folder{home + "/chats"};
  // Who closes the file as the last one removes its log: else a process was killed, the power was cut, or it is open.
  const bool has_log = BytesOf(folder.Database() + "-wal") > 0;
  THIMBLE_ASSIGN_OR_RETURN(auto database, OpenChatDatabase(folder, {}));
  auto files = std::make_shared<ChatFiles>();
  files->folder = folder;
  files->now = settings.now ? settings.now : SystemNow;
  {
    const MutexLock lock(&files->mutex);
    files->database = std::move(database);
  }
  std::unique_ptr<SqliteChatStore> store(new SqliteChatStore(files));
  const MutexLock lock(&files->mutex);
  if (settings.most_pages > 0) (void)store->database_->Number(Cat("PRAGMA max_page_count = ", settings.most_pages));
  // Where the index cannot be mended, as on a full disk, conversations are shown all the same.
  (void)MendIndex(store->database_, has_log ? IndexCheck::kLengths : IndexCheck::kRows);
  for (const auto& step : {store->Recover(), store->KeepUp()}) {
    // A full disk is no reason not to show what is there.
    if (!step.ok() && step.error().status != 507) return WithPlace(ErrorOfStore(step.error()), folder.Database());
  }
  return store;
}

OrFault<Done> SqliteChatStore::KeepUp() {
  if (database_->TakeIndexDamage()) (void)RebuildIndex(database_);
  const std::int64_t now = files_->now();
  const std::string today = DayOf(now);
  if (today == day_) return Done{};
  // A backup that cannot be made is tried again tomorrow; it must not stand in anybody's way today.
  const auto backup = BackUp(folder_, database_, now);
  if (!backup.ok() && backup.error().code == kDamaged) return backup.error();
  {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
    THIMBLE_RETURN_IF_ERROR(NoteLoosePictures(database_, now - kDayMilliseconds));
    THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  }
  day_ = today;
  if (backup.ok() && backup.value()) {
    const bool is_small = BytesOf(folder_.Database()) <= kQuickIndexBytes;
    (void)MendIndex(database_, is_small ? IndexCheck::kWords : IndexCheck::kLengths);
  }
  return ClearLeftovers(folder_, database_, backup.ok() && backup.value());
}

OrFault<std::vector<ChatHit>> SqliteChatStore::List(const ChatQuery& query) {
  THIMBLE_ASSIGN_OR_RETURN(const SearchWords words, ReadSearch(query.search));
  const MutexLock lock(&files_->mutex);
  auto hits = ListOnce(query, words);
  if (hits.ok() || !database_->TakeIndexDamage()) return hits;
  THIMBLE_RETURN_IF_ERROR(RebuildIndex(database_));
  return ListOnce(query, words);
}

OrFault<std::vector<ChatHit>> SqliteChatStore::ListOnce(const ChatQuery& query, const SearchWords& words) {
  SearchQuery search;
  if (!words.empty()) search = MakeSearchQuery(words);
  std::string sql = Cat("SELECT ", ChatColumns(), words.empty() ? "" : ", hits.message", " FROM chats c");
  if (!words.empty()) sql += Cat(" JOIN (", search.sql, ") AS hits ON hits.seq = c.seq");
  sql += " WHERE 1";
  if (query.folder) {
    search.values.push_back(*query.folder);
    sql += Cat(" AND c.folder = ?", search.values.size());
  }
  const auto part = [&](bool is_pinned, int most) {
    return Cat(sql, query.before > 0 ? Cat(" AND c.updated < ", query.before) : "",
               " AND c.pinned = ", is_pinned ? 1 : 0, " ORDER BY c.updated DESC LIMIT ", most);
  };
  std::vector<ChatHit> hits;
  if (query.before <= 0)
    THIMBLE_RETURN_IF_ERROR(TakeHits(database_, part(true, kMostListed), search.values, words, &hits));
  const int most = std::clamp(query.most, 1, kMostListed);
  THIMBLE_RETURN_IF_ERROR(TakeHits(database_, part(false, most), search.values, words, &hits));
  return hits;
}

OrFault<ChatSummary> SqliteChatStore::Find(const std::string& chat) {
  const MutexLock lock(&files_->mutex);
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, ChatRow(database_, chat));
  return ReadSummary(database_, seq);
}

OrFault<ChatSummary> SqliteChatStore::Create(const ChatSummary& chat) {
  THIMBLE_RETURN_IF_ERROR(service::CheckChat(chat, true));
  const MutexLock lock(&files_->mutex);
  THIMBLE_RETURN_IF_ERROR(KeepUp());
  ChatSummary made = chat;
  if (made.id.empty()) made.id = NewChatId();
  made.head.clear();
  THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t is_taken,
                           database_->Number("SELECT count(*) FROM chats WHERE id = ?1", made.id));
  if (is_taken != 0) return StoreFault(409, "there is a chat with this id already");
  THIMBLE_ASSIGN_OR_RETURN(made.updated, FreeTime(database_, files_->now()));
  if (made.created == 0) made.created = made.updated;
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, InsertChat(database_, made));
  THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  return ReadSummary(database_, seq);
}

OrFault<ChatSummary> SqliteChatStore::Change(const std::string& chat, const ChatChange& change) {
  THIMBLE_RETURN_IF_ERROR(service::CheckChange(change));
  const MutexLock lock(&files_->mutex);
  THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, ChatRow(database_, chat));
  if (change.head && !change.head->empty()) {
    const auto head = MessageRow(database_, seq, *change.head);
    if (!head.ok()) return head.error();
  }
  const auto set = [&](const char* column, const std::optional<std::string>& text) -> OrFault<Done> {
    if (!text) return Done{};
    return database_->Run(Cat("UPDATE chats SET ", column, " = ?2 WHERE seq = ?1"), seq, *text);
  };
  if (change.title) {
    THIMBLE_RETURN_IF_ERROR(UnindexTitle(database_, seq));
    THIMBLE_RETURN_IF_ERROR(set("title", change.title));
    THIMBLE_RETURN_IF_ERROR(IndexTitle(database_, seq));
  }
  THIMBLE_RETURN_IF_ERROR(set("instructions", change.instructions));
  THIMBLE_RETURN_IF_ERROR(set("folder", change.folder));
  THIMBLE_RETURN_IF_ERROR(set("head", change.head));
  if (change.is_pinned) {
    THIMBLE_RETURN_IF_ERROR(
        database_->Run("UPDATE chats SET pinned = ?2 WHERE seq = ?1", seq, std::int64_t{*change.is_pinned}));
  }
  // To order chats is no change of what they say.
  if (change.title || change.instructions) THIMBLE_RETURN_IF_ERROR(Touch(database_, seq, files_->now()));
  THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  return ReadSummary(database_, seq);
}

OrFault<Done> SqliteChatStore::Delete(const std::string& chat) {
  const MutexLock lock(&files_->mutex);
  {
    THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t seq, ChatRow(database_, chat));
    THIMBLE_ASSIGN_OR_RETURN(const auto pictures, PicturesOf(database_, Cat("m.chat = ", seq)));
    // Journals have texts too.
    THIMBLE_RETURN_IF_ERROR(database_->Run(
        "INSERT OR IGNORE INTO leftovers SELECT 'message', id FROM messages WHERE chat = ?1 AND state = 1", seq));
    THIMBLE_ASSIGN_OR_RETURN(const bool is_removed, RemoveChat(database_, chat));
    if (!is_removed) return StoreFault(404, "there is no such chat");
    THIMBLE_RETURN_IF_ERROR(NoteLeftover(database_, Leftover::kChat, chat));
    THIMBLE_RETURN_IF_ERROR(DropPictures(database_, pictures));
    THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  }
  return ClearAway();
}

OrFault<Done> SqliteChatStore::ClearAway() {
  const auto cleared = ClearLeftovers(folder_, database_, false);
  std::erase_if(waiting_,
                [&](const auto& entry) { return KindOfPath(folder_.Journal(entry.first)) == PathKind::kNothing; });
  return cleared;
}

OrFault<Json> SqliteChatStore::Settings() {
  const MutexLock lock(&files_->mutex);
  THIMBLE_ASSIGN_OR_RETURN(const std::string text, database_->Text("SELECT value FROM settings WHERE name = 'page'"));
  auto json = Json::Parse(text.empty() ? "{}" : text, "settings");
  return json.ok() ? std::move(json).value() : Json::Object();
}

OrFault<Done> SqliteChatStore::SetSettings(const Json& settings) {
  THIMBLE_RETURN_IF_ERROR(service::CheckFacts("settings", settings));
  const MutexLock lock(&files_->mutex);
  return database_->Run("INSERT INTO settings VALUES ('page', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
                        settings.IsNull() ? std::string("{}") : settings.Dump());
}

OrFault<service::SpaceTaken> SqliteChatStore::Space() {
  const MutexLock lock(&files_->mutex);
  service::SpaceTaken space;
  space.chats = BytesIn(folder_.Running());
  for (const char* ending : {"", "-wal", "-shm"}) space.chats += BytesOf(folder_.Database() + ending);
  THIMBLE_ASSIGN_OR_RETURN(space.pictures, database_->Number("SELECT coalesce(sum(bytes), 0) FROM pictures"));
  space.backups = BytesIn(folder_.Backups());
  for (const std::string& path : folder_.OldDatabases()) space.backups += BytesOf(path);
  return space;
}

}  // namespace thimble::host
