// SPDX-License-Identifier: Apache-2.0
// What was deleted, backups, damage and other versions.
#include "host/chat_upkeep.h"

#include "host/chat_rows.h"
#include "host/chat_schema.h"
#include "kept_chats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Id;
using ::testing::IsEmpty;
using testing::kDay;
using ::testing::Not;
using testing::ParseJson;
using testing::Said;
using ::testing::SizeIs;

class ChatUpkeep : public testing::KeptChats {};

TEST_F(ChatUpkeep, DeletedOnesAreInNoFileAnyMore) {
  const std::string secret = "quartzxylophone";
  Make("a", "Kept");
  Say("a", Said("k", "", "user", "something to keep"));
  Make("b", "Title of quartzxylophone");
  Say("b", Said("m1", "", "user", "the word is quartzxylophone, " + std::string(20'000, 'y') + " quartzxylophone"));
  const auto picture = store_->PutPicture("bytes of quartzxylophone", "image/png");
  ASSERT_TRUE(picture.ok());
  ChatMessage seen = Said("m2", "m1", "user", "quartzxylophone again");
  seen.pictures = ParseJson(Cat(R"([{"sha256":")", picture.value(), R"(","name":"quartzxylophone.png"}])"));
  Say("b", seen);
  Announce("b", "m3", "m2");
  auto journal = store_->Begin(Id("b"), Id("m3"));
  ASSERT_TRUE(journal.ok());
  journal.value()->Append("quartzxylophone?", "quartzxylophone!");
  for (int day = 0; day < 2; ++day) {  // two backups
    now_ += kDay;
    Make(Cat("d", day), "Another day");
  }
  EXPECT_GE(FilesWith(secret).size(), 5U);
  const auto deleted = store_->Delete(Id("b"));
  ASSERT_TRUE(deleted.ok()) << deleted.error().message;
  EXPECT_THAT(FilesWith(secret), IsEmpty());
  EXPECT_EQ(store_->Picture(picture.value()).error().status, 404);
  // Nor the pieces of which the index is made.
  auto database = Database::Open(File("chats.sqlite"), Database::Use::kWrite, {});
  ASSERT_TRUE(database.ok());
  ASSERT_TRUE(
      database.value()->Execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab (main, text_search, row)").ok());
  EXPECT_EQ(database.value()->Number("SELECT count(*) FROM temp.words WHERE term = 'rtz'").value(), 0);
  EXPECT_GT(database.value()->Number("SELECT count(*) FROM temp.words WHERE term = 'kee'").value(), 0);
  // Whoever still wrote is told; what it wrote goes with it.
  journal.value()->Append("", "quartzxylophone");
  EXPECT_EQ(journal.value()->Finish(MessageState::kDone, "small", Json()).error().status, 404);
  EXPECT_THAT(FilesWith(secret), IsEmpty());
  EXPECT_THAT(FilesWith("something to keep"), Not(IsEmpty()));
  EXPECT_EQ(fs::directory_iterator(File("backups"))->exists(), true);
}

TEST_F(ChatUpkeep, DeletedMessagesAreInNoFileAnyMore) {
  Make("a", "Kept");
  Say("a", Said("m1", "", "user", "first"));
  Say("a", Said("m2", "m1", "assistant", "quartzxylophone"));
  Say("a", Said("m3", "m2", "user", "quartzxylophone, too"));
  now_ += kDay;
  Make("b");  // and a backup
  ASSERT_GE(FilesWith("quartzxylophone").size(), 2U);
  ASSERT_TRUE(store_->DeleteMessage(Id("a"), Id("m2")).ok());
  EXPECT_THAT(FilesWith("quartzxylophone"), IsEmpty());
  EXPECT_EQ(store_->Messages(Id("a")).value().size(), 1U);
}

TEST_F(ChatUpkeep, WhatADeletionLeftUndoneTheNextStartDoes) {
  Make("b", "quartzxylophone");
  const auto picture = store_->PutPicture("quartzxylophone", "image/png");
  ChatMessage seen = Said("m", "", "user", "look");
  seen.pictures = ParseJson(Cat(R"([{"sha256":")", picture.value(), "\"}]"));
  Say("b", seen);
  {
    // As Delete, up to where a process may end.
    auto database = OpenChatDatabase({folder_ + "/chats"}, {});
    ASSERT_TRUE(database.ok());
    Database* file = database.value().get();
    ASSERT_TRUE(RemoveChat(file, Id("b")).ok());
    ASSERT_TRUE(file->Run("INSERT INTO leftovers VALUES ('chat', ?1)", Id("b")).ok());
    ASSERT_TRUE(DropPictures(file, {picture.value()}).ok());
  }
  EXPECT_THAT(FilesWith("quartzxylophone"), Not(IsEmpty()));
  now_ += kDay;
  Reopen();
  EXPECT_THAT(FilesWith("quartzxylophone"), IsEmpty());
}

TEST_F(ChatUpkeep, ABackupADayAndThreeOfThem) {
  EXPECT_TRUE(fs::is_empty(File("backups")) || store_ != nullptr);
  Make("c", "Tea");
  for (int day = 0; day < 5; ++day) {
    now_ += kDay;
    Say("c", Said(Cat("m", day), "", "user", Cat("day ", day)));
    Say("c", Said(Cat("n", day), "", "user", "once more"));
  }
  EXPECT_THAT(ChatFolder{folder_ + "/chats"}.BackupNames(),
              ElementsAre("chats-2025-12-03.sqlite", "chats-2025-12-04.sqlite", "chats-2025-12-05.sqlite"));
  struct stat facts{};
  ASSERT_EQ(stat(File("backups/chats-2025-12-05.sqlite").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  EXPECT_GT(store_->Space().value().backups, 0);
  // One put in the store's place is the store of that morning.
  store_.reset();
  for (const char* ending : {"", "-wal", "-shm"}) fs::remove(File("chats.sqlite") + ending);
  fs::copy_file(File("backups/chats-2025-12-05.sqlite"), File("chats.sqlite"));
  Reopen();
  EXPECT_EQ(store_->Messages(Id("c")).value().size(), 8U);
  EXPECT_THAT(Search("day 3"), SizeIs(1));
}

TEST_F(ChatUpkeep, ADamagedFileIsNamedWithItsNewestBackup) {
  Make("c", "Tea");
  for (int i = 0; i < 40; ++i) Say("c", Said(Cat("m", i, "x"), "", "user", std::string(2'000, 'x')));
  now_ += kDay;
  Make("d");
  store_.reset();
  const std::string whole = testing::ReadTextFile(File("chats.sqlite"));
  const auto damage = [&](std::size_t begin, std::size_t end) {
    std::string bytes = whole;
    for (std::size_t i = begin; i < std::min(end, bytes.size()); ++i) bytes[i] = static_cast<char>(i * 31);
    std::ofstream(File("chats.sqlite"), std::ios::binary) << bytes;
  };
  for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, 100}, {4'096, whole.size()}}) {
    damage(begin, end);
    now_ += kDay;  // a new day, whose backup must not push out good ones
    const auto opened = SqliteChatStore::Open(folder_, {[this] { return ++now_; }, 0});
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, Code::kCorrupt) << opened.error().message;
    EXPECT_THAT(opened.error().message, HasSubstr("damaged"));
    EXPECT_THAT(opened.error().message, HasSubstr("backups/chats-2025-12-01.sqlite"));
    EXPECT_EQ(fs::file_size(File("chats.sqlite")), whole.size());
    EXPECT_THAT(ChatFolder{folder_ + "/chats"}.BackupNames(), ElementsAre("chats-2025-12-01.sqlite"));
  }
}

TEST_F(ChatUpkeep, FilesOfOthersAreRefusedByName) {
  store_.reset();
  const auto change = [&](const std::string& sql) {
    auto database = Database::Open(File("chats.sqlite"), Database::Use::kCreate, {});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database.value()->Execute(sql).ok());
  };
  change("PRAGMA user_version = 7");
  const auto newer = SqliteChatStore::Open(folder_, {});
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.error().code, Code::kUnsupported);
  EXPECT_THAT(newer.error().message, HasSubstr("written by a newer Thimble"));
  fs::remove_all(File("chats.sqlite"));
  change("CREATE TABLE bookmarks (url TEXT)");
  const auto other = SqliteChatStore::Open(folder_, {});
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message, HasSubstr("another program"));
}

// A version that never was: chats with titles, and notes in them.
class OldChats : public ChatUpkeep {
 protected:
  void SetUp() override {
    ChatUpkeep::SetUp();
    Make("unused");
    store_.reset();
    fs::remove_all(folder_ + "/chats");
    fs::create_directories(folder_ + "/chats");
    auto old = Database::Open(File("chats.sqlite"), Database::Use::kCreate, {});
    ASSERT_TRUE(old.ok());
    ASSERT_TRUE(old.value()
                    ->Execute("CREATE TABLE talks (id TEXT, title TEXT); CREATE TABLE notes (id TEXT, talk TEXT, text "
                              "TEXT); PRAGMA application_id = 1416454723; PRAGMA user_version = 0;")
                    .ok());
    ASSERT_TRUE(old.value()->Run("INSERT INTO talks VALUES (?1, 'Old tea')", Id("o")).ok());
    ASSERT_TRUE(old.value()->Run("INSERT INTO notes VALUES (?1, ?2, 'an old leaf')", Id("n"), Id("o")).ok());
  }

  static ChatMigration FromZero() {
    ChatMigration migration;
    migration.from = 0;
    migration.copies = {
        "INSERT INTO main.chats (id, title, model, instructions, folder, head, pinned, created, updated) SELECT id, "
        "title, '', '', '', (SELECT id FROM old.notes WHERE talk = talks.id), 0, rowid, rowid FROM old.talks",
        "INSERT INTO main.messages (chat, id, parent, role, model, state, created, text, reasoning, pictures, facts, "
        "tokens) SELECT (SELECT seq FROM main.chats WHERE id = talk), id, '', 'user', '', 0, 0, text, '', '[]', '{}', "
        "0 "
        "FROM old.notes"};
    migration.same = {{"SELECT count(*) FROM old.talks", "SELECT count(*) FROM main.chats"},
                      {"SELECT count(*) FROM old.notes", "SELECT count(*) FROM main.messages"}};
    return migration;
  }
};

TEST_F(OldChats, AreCopiedAndKeptOneVersion) {
  const ChatMigration migration = FromZero();
  {
    const auto opened = OpenChatDatabase({folder_ + "/chats"}, {&migration, 1});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
  }
  EXPECT_TRUE(fs::exists(File("chats.sqlite.v0")));
  Reopen();
  EXPECT_THAT(Titles({}), ElementsAre("Old tea"));
  EXPECT_THAT(Search("leaf"), ElementsAre("Old tea:an old \ue000leaf\ue001"));
  // What is deleted is not in the old file either.
  ASSERT_TRUE(store_->Delete(Id("o")).ok());
  EXPECT_THAT(FilesWith("an old leaf"), IsEmpty());
}

TEST_F(OldChats, StayAsTheyAreWhereTheCopyIsNotWhole) {
  ChatMigration migration = FromZero();
  migration.copies.pop_back();
  const std::string before = testing::ReadTextFile(File("chats.sqlite"));
  const auto opened = OpenChatDatabase({folder_ + "/chats"}, {&migration, 1});
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, HasSubstr("0 of 1 entries"));
  EXPECT_EQ(testing::ReadTextFile(File("chats.sqlite")), before);
  EXPECT_FALSE(fs::exists(File("chats.sqlite.new")));
  EXPECT_FALSE(fs::exists(File("chats.sqlite.v0")));
  const auto unknown = OpenChatDatabase({folder_ + "/chats"}, {});
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(unknown.error().message, HasSubstr("the format 0"));
}

}  // namespace
}  // namespace thimble::host
