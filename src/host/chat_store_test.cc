// SPDX-License-Identifier: Apache-2.0
#include "host/sqlite_chat_store.h"

#include "base/sha256.h"
#include "base/text.h"
#include "folder_test.h"
#include "host/chat_rows.h"
#include "host/chat_schema.h"
#include "host/chat_store.h"
#include "service/chat_form.h"
#include "text_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace thimble::host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kDay = 24 * 60 * 60 * 1000;

std::string Id(const std::string& name) { return name + std::string(service::kChatIdChars - name.size(), '0'); }

Json Parse(const std::string& text) { return Json::Parse(text, "test").value(); }

ChatMessage Said(const std::string& id, const std::string& parent, const std::string& role, const std::string& text) {
  ChatMessage message;
  message.id = Id(id);
  message.parent = parent.empty() ? "" : Id(parent);
  message.role = role;
  message.text = text;
  return message;
}

class Chats : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    Reopen();
  }

  void Reopen() {
    store_.reset();
    store_ = Open();
  }
  std::unique_ptr<SqliteChatStore> Open() {
    auto store = SqliteChatStore::Open(folder_, {[this] { return ++now_; }, 0});
    EXPECT_TRUE(store.ok()) << store.error().message;
    return store.ok() ? std::move(store).value() : nullptr;
  }

  void Make(const std::string& id, const std::string& title = "") {
    ChatSummary chat;
    chat.id = Id(id);
    chat.title = title;
    const auto made = store_->Create(chat);
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  void Say(const std::string& chat, const ChatMessage& message) {
    const auto added = store_->Add(Id(chat), message);
    ASSERT_TRUE(added.ok()) << added.error().message;
  }
  [[nodiscard]] int StatusOfAdd(const std::string& chat, const ChatMessage& message) {
    const auto added = store_->Add(Id(chat), message);
    return added.ok() ? 200 : added.error().status;
  }
  void Announce(const std::string& chat, const std::string& id, const std::string& parent) {
    ChatMessage message = Said(id, parent, "assistant", "");
    message.state = MessageState::kRunning;
    Say(chat, message);
  }
  [[nodiscard]] ChatMessage Last(const std::string& chat) {
    const auto messages = store_->Messages(Id(chat));
    EXPECT_TRUE(messages.ok() && !messages.value().empty());
    return messages.value().back();
  }
  // "title:excerpt" of each hit.
  [[nodiscard]] std::vector<std::string> Search(const std::string& words) {
    ChatQuery query;
    query.search = words;
    const auto hits = store_->List(query);
    EXPECT_TRUE(hits.ok());
    std::vector<std::string> found;
    for (const ChatHit& hit : hits.value()) found.push_back(Cat(hit.chat.title, ":", hit.excerpt));
    return found;
  }
  [[nodiscard]] std::vector<std::string> Titles(const ChatQuery& query) {
    const auto hits = store_->List(query);
    EXPECT_TRUE(hits.ok());
    std::vector<std::string> titles;
    for (const ChatHit& hit : hits.value()) titles.push_back(hit.chat.title);
    return titles;
  }
  // Names of the files of the store that hold `text`.
  [[nodiscard]] std::vector<std::string> FilesWith(const std::string& text) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file() && testing::ReadTextFile(entry.path().string()).find(text) != std::string::npos)
        names.push_back(entry.path().filename().string());
    }
    return names;
  }
  [[nodiscard]] std::string File(const std::string& name) const { return Cat(folder_, "/chats/", name); }

  std::int64_t now_ = 1'764'478'920'000;  // 2025-11-30
  std::unique_ptr<SqliteChatStore> store_;
};

TEST_F(Chats, AreListedNewestFirstAndPinnedBeforeAllOthers) {
  Make("a", "Apples");
  Make("b", "Berries");
  Make("c", "Cherries");
  EXPECT_THAT(Titles({}), ElementsAre("Cherries", "Berries", "Apples"));
  Say("a", Said("m", "", "user", "hello"));
  EXPECT_THAT(Titles({}), ElementsAre("Apples", "Cherries", "Berries"));
  ChatChange change;
  change.is_pinned = true;
  change.folder = "Fruit";
  ASSERT_TRUE(store_->Change(Id("b"), change).ok());
  EXPECT_THAT(Titles({}), ElementsAre("Berries", "Apples", "Cherries"));
  ChatQuery query;
  query.most = 1;
  EXPECT_THAT(Titles(query), ElementsAre("Berries", "Apples"));
  query.before = store_->Find(Id("a")).value().updated;
  EXPECT_THAT(Titles(query), ElementsAre("Cherries"));
  query = {};
  query.folder = "Fruit";
  EXPECT_THAT(Titles(query), ElementsAre("Berries"));
  query.folder = "";
  EXPECT_THAT(Titles(query), ElementsAre("Apples", "Cherries"));
}

TEST_F(Chats, OfOneMillisecondCanBeListedPageByPage) {
  store_.reset();
  auto store = SqliteChatStore::Open(folder_, {[] { return std::int64_t{1'764'478'920'000}; }, 0});
  ASSERT_TRUE(store.ok());
  store_ = std::move(store).value();
  for (const char* name : {"a", "b", "c"}) Make(name, name);
  ChatQuery query;
  query.most = 2;
  EXPECT_THAT(Titles(query), ElementsAre("c", "b"));
  query.before = store_->Find(Id("b")).value().updated;
  EXPECT_THAT(Titles(query), ElementsAre("a"));
}

TEST_F(Chats, StayWhenTheStoreIsOpenedAgain) {
  ChatSummary chat;
  chat.id = Id("c");
  chat.title = "Tea";
  chat.instructions = "Be brief.";
  ASSERT_TRUE(store_->Create(chat).ok());
  Say("c", Said("u", "", "user", "Which?"));
  ChatMessage answer = Said("a", "u", "assistant", std::string("Green.\0.", 8));
  answer.model = "small";
  answer.reasoning = "hm";
  answer.facts = Parse(R"({"usage":{"prompt_tokens":7,"completion_tokens":5}})");
  Say("c", answer);
  Reopen();
  const auto found = store_->Find(Id("c"));
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().title, "Tea");
  EXPECT_EQ(found.value().instructions, "Be brief.");
  EXPECT_EQ(found.value().model, "small");
  EXPECT_EQ(found.value().head, Id("a"));
  EXPECT_EQ(found.value().num_messages, 2);
  EXPECT_EQ(found.value().num_tokens, 12);
  const auto messages = store_->Messages(Id("c"));
  ASSERT_TRUE(messages.ok());
  ASSERT_EQ(messages.value().size(), 2U);
  EXPECT_EQ(messages.value()[0].text, "Which?");
  EXPECT_EQ(messages.value()[1].text, answer.text);  // with its NUL byte
  EXPECT_EQ(messages.value()[1].reasoning, "hm");
  EXPECT_EQ(messages.value()[1].facts.Dump(), answer.facts.Dump());
}

TEST_F(Chats, TheirFilesAreTheOwnersAlone) {
  Make("c", "Tea");
  struct stat facts{};
  ASSERT_EQ(stat(File("").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
  for (const char* name : {"chats.sqlite", "chats.sqlite-wal"}) {
    ASSERT_EQ(stat(File(name).c_str(), &facts), 0) << name;
    EXPECT_EQ(facts.st_mode & 0777, 0600U) << name;
  }
}

TEST_F(Chats, MessagesFormATree) {
  Make("c");
  Say("c", Said("u1", "", "user", "Which?"));
  Say("c", Said("a1", "u1", "assistant", "Green."));
  Say("c", Said("a2", "u1", "assistant", "Black."));
  Say("c", Said("u2", "a2", "user", "Why?"));
  EXPECT_EQ(store_->Find(Id("c")).value().head, Id("u2"));
  ChatChange change;
  change.head = Id("a1");
  ASSERT_TRUE(store_->Change(Id("c"), change).ok());
  EXPECT_EQ(store_->Find(Id("c")).value().head, Id("a1"));
  change.head = Id("nobody");
  EXPECT_EQ(store_->Change(Id("c"), change).error().status, 404);
  change.head = Id("u2");
  ASSERT_TRUE(store_->Change(Id("c"), change).ok());
  ASSERT_TRUE(store_->DeleteMessage(Id("c"), Id("a2")).ok());  // with the question behind it
  EXPECT_EQ(store_->Find(Id("c")).value().head, Id("u1"));
  EXPECT_EQ(store_->Messages(Id("c")).value().size(), 2U);
  EXPECT_EQ(store_->DeleteMessage(Id("c"), Id("a2")).error().status, 404);
}

TEST_F(Chats, WrongCallsAreRefusedAndChangeNothing) {
  Make("c");
  Make("d");
  Say("c", Said("u", "", "user", "hello"));
  ChatSummary again;
  again.id = Id("c");
  EXPECT_EQ(store_->Create(again).error().status, 409);
  EXPECT_EQ(StatusOfAdd("c", Said("u", "", "user", "again")), 409);
  EXPECT_EQ(StatusOfAdd("d", Said("u", "", "user", "again")), 409);  // ids are everybody's
  EXPECT_EQ(StatusOfAdd("x", Said("v", "", "user", "nowhere")), 404);
  EXPECT_EQ(StatusOfAdd("d", Said("v", "u", "user", "parent elsewhere")), 404);
  EXPECT_EQ(StatusOfAdd("c", Said("v", "", "system", "no role")), 400);
  EXPECT_EQ(StatusOfAdd("c", Said("v", "", "user", std::string(service::kMostMessageBytes + 1, 'x'))), 413);
  ChatMessage blind = Said("v", "u", "user", "look");
  blind.pictures = Parse(Cat(R"([{"sha256":")", Sha256Of("nothing"), "\"}]"));
  EXPECT_EQ(StatusOfAdd("c", blind), 404);
  ChatMessage running = Said("v", "u", "user", "");
  running.state = MessageState::kRunning;
  EXPECT_EQ(StatusOfAdd("c", running), 400);
  EXPECT_EQ(store_->Find(Id("x")).error().status, 404);
  EXPECT_EQ(store_->Delete(Id("x")).error().status, 404);
  EXPECT_EQ(store_->Messages(Id("x")).error().status, 404);
  EXPECT_EQ(store_->ChangeMessage(Id("d"), Id("u"), {}).error().status, 404);
  EXPECT_EQ(store_->Messages(Id("c")).value().size(), 1U);
  EXPECT_EQ(store_->Find(Id("c")).value().head, Id("u"));
}

TEST_F(Chats, SearchingFindsWordsInTitlesAndTexts) {
  Make("a", "On green tea");
  Make("b", "Other");
  Say("b", Said("m1", "", "user", "Tell me:\nis the Green one better than 100% of others? \\_"));
  Make("c", "Straße");
  Say("c", Said("m2", "", "user", "私は緑茶が好きです"));
  EXPECT_THAT(Search("green"),
              ElementsAre("Other:Tell me: is the \ue000Green\ue001 one better than 100% of others? \\_",
                          "On green tea:On \ue000green\ue001 tea"));
  EXPECT_THAT(Search("GREEN tea"), ElementsAre("On green tea:On \ue000green\ue001 tea"));  // all words, any case
  EXPECT_THAT(Search("better green"), SizeIs(1));
  EXPECT_THAT(Search("een"), SizeIs(2));  // within words
  EXPECT_THAT(Search("緑茶"), ElementsAre("Straße:私は\ue000緑茶\ue001が好きです"));
  EXPECT_THAT(Search("緑茶が好き"), SizeIs(1));
  EXPECT_THAT(Search("茶"), SizeIs(1));
  EXPECT_THAT(Search("STRASSE"), IsEmpty());
  EXPECT_THAT(Search("straße"), ElementsAre("Straße:\ue000Straße\ue001"));
  EXPECT_THAT(Search("0%"), SizeIs(1));
  EXPECT_THAT(Search("1%"), IsEmpty());  // no pattern
  EXPECT_THAT(Search("\\_"), SizeIs(1));
  EXPECT_THAT(Search("_x"), IsEmpty());
  EXPECT_THAT(Search("\" OR *"), IsEmpty());
  EXPECT_THAT(Search("title:green"), IsEmpty());
  EXPECT_THAT(Search("NEAR(green tea)"), IsEmpty());
  EXPECT_EQ(Search("   ").size(), 3U);
  ChatQuery query;
  query.search = std::string(2'000, 'x');
  EXPECT_EQ(store_->List(query).error().status, 400);
  // What changes is found as it is now; reasoning is not looked at.
  MessageChange change;
  change.text = "About coffee";
  change.reasoning = "green thoughts";
  ASSERT_TRUE(store_->ChangeMessage(Id("b"), Id("m1"), change).ok());
  EXPECT_THAT(Search("green"), SizeIs(1));
  EXPECT_THAT(Search("coffee"), ElementsAre("Other:About \ue000coffee\ue001"));
}

TEST_F(Chats, ExcerptsAreShortAndWhole) {
  const SearchWords words = ReadSearch("needle").value();
  std::string hay;
  for (int i = 0; i < 100; ++i) hay += "ö ";
  const std::string excerpt = MakeExcerpt(hay + "a Needle\xee\x80\x80 here" + hay, words);
  EXPECT_THAT(excerpt, HasSubstr("a \ue000Needle\ue001 here"));
  EXPECT_TRUE(excerpt.starts_with("…") && excerpt.ends_with("…"));
  EXPECT_LT(excerpt.size(), 400U);
  EXPECT_TRUE(IsValidUtf8(excerpt));
  EXPECT_EQ(MakeExcerpt("nothing", words), "nothing");
}

TEST_F(Chats, DeletedOnesAreInNoFileAnyMore) {
  const std::string secret = "quartzxylophone";
  Make("a", "Kept");
  Say("a", Said("k", "", "user", "something to keep"));
  Make("b", "Title of quartzxylophone");
  Say("b", Said("m1", "", "user", "the word is quartzxylophone, " + std::string(20'000, 'y') + " quartzxylophone"));
  const auto picture = store_->PutPicture("bytes of quartzxylophone", "image/png");
  ASSERT_TRUE(picture.ok());
  ChatMessage seen = Said("m2", "m1", "user", "quartzxylophone again");
  seen.pictures = Parse(Cat(R"([{"sha256":")", picture.value(), R"(","name":"quartzxylophone.png"}])"));
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

TEST_F(Chats, DeletedMessagesAreInNoFileAnyMore) {
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

TEST_F(Chats, WhatADeletionLeftUndoneTheNextStartDoes) {
  Make("b", "quartzxylophone");
  const auto picture = store_->PutPicture("quartzxylophone", "image/png");
  ChatMessage seen = Said("m", "", "user", "look");
  seen.pictures = Parse(Cat(R"([{"sha256":")", picture.value(), "\"}]"));
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

TEST_F(Chats, PicturesAreKeptOnceAndGoWithTheLastMessage) {
  const std::string bytes = std::string("\x89PNG\0 and more", 14);
  const auto sha256 = store_->PutPicture(bytes, "image/png");
  ASSERT_TRUE(sha256.ok());
  EXPECT_EQ(sha256.value(), Sha256Of(bytes));
  EXPECT_EQ(store_->PutPicture(bytes, "image/png").value(), sha256.value());
  EXPECT_EQ(store_->Space().value().pictures, 14);
  EXPECT_EQ(store_->PutPicture("", "image/png").error().status, 400);
  EXPECT_EQ(store_->PutPicture("x", "text/html").error().status, 400);
  EXPECT_EQ(store_->PutPicture("x", "image/png\r\nx: y").error().status, 400);
  EXPECT_EQ(store_->Picture("../../token").error().status, 404);
  for (const char* chat : {"a", "b"}) {
    Make(chat);
    ChatMessage seen = Said(Cat("m", chat), "", "user", "look");
    seen.pictures = Parse(Cat(R"([{"sha256":")", sha256.value(), R"(","name":"cup.png"}])"));
    Say(chat, seen);
  }
  EXPECT_EQ(store_->Find(Id("a")).value().num_pictures, 1);
  ASSERT_TRUE(store_->Delete(Id("a")).ok());
  Reopen();
  const auto picture = store_->Picture(sha256.value());
  ASSERT_TRUE(picture.ok());
  EXPECT_EQ(picture.value().bytes, bytes);
  EXPECT_EQ(picture.value().media_type, "image/png");
  MessageChange change;
  change.pictures = Json::Array();
  ASSERT_TRUE(store_->ChangeMessage(Id("b"), Id("mb"), change).ok());
  EXPECT_EQ(store_->Picture(sha256.value()).error().status, 404);
  EXPECT_THAT(FilesWith("and more"), IsEmpty());
}

TEST_F(Chats, PicturesThatNobodyNamesGoAfterADay) {
  const auto loose = store_->PutPicture("loose", "image/png");
  now_ += kDay / 2;
  Reopen();
  const auto fresh = store_->PutPicture("fresh", "image/png");
  EXPECT_TRUE(store_->Picture(loose.value()).ok());
  now_ += kDay * 3 / 4;
  Reopen();
  EXPECT_FALSE(store_->Picture(loose.value()).ok());
  EXPECT_TRUE(store_->Picture(fresh.value()).ok());
  EXPECT_THAT(FilesWith("loose"), IsEmpty());
}

TEST_F(Chats, ADamagedPictureIsToldApart) {
  const auto sha256 = store_->PutPicture("some bytes", "image/png");
  std::ofstream(File("pictures/" + sha256.value().substr(0, 2) + "/" + sha256.value())) << "same-bytes";
  EXPECT_EQ(store_->Picture(sha256.value()).error().status, 500);
}

TEST_F(Chats, AReplyComesTokenByToken) {
  Make("c");
  Say("c", Said("u", "", "user", "Count."));
  Announce("c", "a", "u");
  EXPECT_EQ(Last("c").state, MessageState::kRunning);
  auto journal = store_->Begin(Id("c"), Id("a"));
  ASSERT_TRUE(journal.ok()) << journal.error().message;
  EXPECT_EQ(store_->Begin(Id("c"), Id("a")).error().status, 409);  // one writes
  journal.value()->Append("hm", "");
  journal.value()->Append("", "one ");
  EXPECT_EQ(Last("c").text, "one ");
  EXPECT_EQ(Last("c").reasoning, "hm");
  EXPECT_EQ(Last("c").state, MessageState::kRunning);
  journal.value()->Append("", "two");
  ASSERT_TRUE(journal.value()->Sync().ok());
  ASSERT_TRUE(journal.value()->Finish(MessageState::kDone, "small", Parse(R"({"finish":"stop"})")).ok());
  EXPECT_EQ(journal.value()->Finish(MessageState::kDone, "small", Json()).error().status, 409);
  EXPECT_TRUE(fs::is_empty(File("running")));
  const ChatMessage message = Last("c");
  EXPECT_EQ(message.text, "one two");
  EXPECT_EQ(message.state, MessageState::kDone);
  EXPECT_EQ(message.model, "small");
  EXPECT_EQ(message.facts.Dump(), R"({"finish":"stop"})");
  EXPECT_EQ(store_->Find(Id("c")).value().model, "small");
  EXPECT_THAT(Search("two"), SizeIs(1));
  EXPECT_EQ(store_->Begin(Id("c"), Id("a")).error().status, 409);  // it is over
  EXPECT_EQ(store_->Begin(Id("c"), Id("nobody")).error().status, 404);
}

TEST_F(Chats, AReplyGoesOnBehindWhatIsThere) {
  Make("c");
  Say("c", Said("u", "", "user", "Count."));
  Say("c", Said("a", "u", "assistant", "one "));
  MessageChange change;
  change.state = MessageState::kRunning;
  ASSERT_TRUE(store_->ChangeMessage(Id("c"), Id("a"), change).ok());
  auto journal = store_->Begin("", Id("a"));  // whichever chat it is in
  ASSERT_TRUE(journal.ok());
  journal.value()->Append("", "two");
  EXPECT_EQ(Last("c").text, "one two");
  ASSERT_TRUE(journal.value()->Finish(MessageState::kDone, "", Json()).ok());
  EXPECT_EQ(Last("c").text, "one two");
}

// Ends a process in the middle of a reply, as kill does.
TEST_F(Chats, AReplyIsThereAfterAKill) {
  Make("c");
  Say("c", Said("u", "", "user", "Count."));
  store_.reset();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    store_ = Open();
    Announce("c", "a", "u");
    auto journal = store_->Begin(Id("c"), Id("a"));
    journal.value()->Append("hm", "one two");
    (void)!write(ready[1], "x", 1);
    while (true) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  // The other one lives: its reply is left alone.
  Reopen();
  EXPECT_EQ(Last("c").state, MessageState::kRunning);
  EXPECT_EQ(Last("c").text, "one two");
  EXPECT_EQ(store_->Begin(Id("c"), Id("a")).error().status, 409);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  // Found while the store is open, and searchable at once.
  EXPECT_EQ(Last("c").state, MessageState::kStopped);
  EXPECT_EQ(Last("c").text, "one two");
  EXPECT_EQ(Last("c").reasoning, "hm");
  EXPECT_THAT(Search("two"), SizeIs(1));
  EXPECT_TRUE(fs::is_empty(File("running")));
}

TEST_F(Chats, AReplyThatNeverBeganIsStoppedAfterAKill) {
  Make("c");
  Say("c", Said("u", "", "user", "Count."));
  Announce("c", "a", "u");
  auto other = Open();
  EXPECT_EQ(other->Messages(Id("c")).value().back().state, MessageState::kRunning);
  store_.reset();  // gives its lock back as a process does that ends
  EXPECT_EQ(other->Messages(Id("c")).value().back().state, MessageState::kStopped);
}

TEST_F(Chats, AnImportIsWholeAndMakesRoomForItself) {
  Make("c");
  Say("c", Said("u", "", "user", "here already"));
  ChatSummary chat;
  chat.id = Id("c");
  chat.title = "Imported";
  chat.head = Id("a1");
  chat.created = 5;
  const std::vector<ChatMessage> messages = {Said("u", "", "user", "Which?"), Said("a1", "u", "assistant", "Green."),
                                             Said("a2", "u", "assistant", "Black.")};
  const auto imported = store_->Import(chat, messages);
  ASSERT_TRUE(imported.ok()) << imported.error().message;
  EXPECT_NE(imported.value().id, Id("c"));
  EXPECT_EQ(imported.value().created, 5);
  EXPECT_EQ(imported.value().head, Id("a1"));  // its id was free
  const auto back = store_->Messages(imported.value().id).value();
  ASSERT_EQ(back.size(), 3U);
  EXPECT_NE(back[0].id, Id("u"));
  EXPECT_EQ(back[1].parent, back[0].id);
  EXPECT_EQ(back[2].parent, back[0].id);
  // Nothing of one that is wrong.
  std::vector<ChatMessage> wrong = {Said("v1", "", "user", "x"), Said("v2", "nobody", "user", "y")};
  EXPECT_EQ(store_->Import({}, wrong).error().status, 400);
  wrong[1] = Said("v1", "", "user", "x");
  EXPECT_EQ(store_->Import({}, wrong).error().status, 400);
  EXPECT_EQ(Titles({}).size(), 2U);
}

TEST_F(Chats, SettingsAreOneObject) {
  EXPECT_EQ(store_->Settings().value().Dump(), "{}");
  ASSERT_TRUE(store_->SetSettings(Parse(R"({"theme":"dark"})")).ok());
  Reopen();
  EXPECT_EQ(store_->Settings().value().Dump(), R"({"theme":"dark"})");
  EXPECT_EQ(store_->SetSettings(Json::Array()).error().status, 400);
  const std::string much(service::kMostFactsBytes, 'x');
  EXPECT_EQ(store_->SetSettings(Json::Object({{"a", Json::String(much)}})).error().status, 413);
}

TEST_F(Chats, TwoProgramsMayHaveThemOpen) {
  Make("c", "Tea");
  auto other = Open();
  ChatMessage message = Said("m", "", "user", "from the other");
  ASSERT_TRUE(other->Add(Id("c"), message).ok());
  EXPECT_EQ(Last("c").text, "from the other");
  Say("c", Said("n", "m", "assistant", "from this one"));
  EXPECT_EQ(other->Messages(Id("c")).value().size(), 2U);
  ASSERT_TRUE(other->Delete(Id("c")).ok());  // with us looking on
  EXPECT_THAT(FilesWith("from this one"), IsEmpty());
  EXPECT_EQ(store_->Find(Id("c")).error().status, 404);
}

TEST_F(Chats, AMarkTellsWhoHasOneOpen) {
  auto mark = MarkChatOpen(folder_, Id("c"));
  EXPECT_NE(mark, nullptr);
  EXPECT_EQ(MarkChatOpen(folder_, Id("c")), nullptr);
  EXPECT_NE(MarkChatOpen(folder_, Id("d")), nullptr);
  mark.reset();
  EXPECT_NE(MarkChatOpen(folder_, Id("c")), nullptr);
}

TEST_F(Chats, AFullDiskChangesNothing) {
  Make("c", "Tea");
  Say("c", Said("u", "", "user", "here"));
  store_.reset();
  auto small = SqliteChatStore::Open(folder_, {[this] { return ++now_; }, 60});
  ASSERT_TRUE(small.ok());
  store_ = std::move(small).value();
  Announce("c", "a", "u");
  auto journal = store_->Begin(Id("c"), Id("a"));
  ASSERT_TRUE(journal.ok());
  journal.value()->Append("", std::string(500'000, 'y'));
  const auto added = store_->Add(Id("c"), Said("big", "u", "user", std::string(500'000, 'x')));
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().status, 507);
  EXPECT_EQ(journal.value()->Finish(MessageState::kDone, "small", Json()).error().status, 507);
  EXPECT_EQ(store_->Messages(Id("c")).value().size(), 2U);
  EXPECT_EQ(Last("c").text.size(), 500'000U);
  // With room again, what came is there.
  journal.value().reset();
  Reopen();
  EXPECT_EQ(Last("c").text.size(), 500'000U);
  EXPECT_EQ(Last("c").state, MessageState::kStopped);
  EXPECT_TRUE(store_->Add(Id("c"), Said("big", "u", "user", std::string(500'000, 'x'))).ok());
}

TEST_F(Chats, ABackupADayAndThreeOfThem) {
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

TEST_F(Chats, ADamagedFileIsNamedWithItsNewestBackup) {
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

TEST_F(Chats, FilesOfOthersAreRefusedByName) {
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
class OldChats : public Chats {
 protected:
  void SetUp() override {
    Chats::SetUp();
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
