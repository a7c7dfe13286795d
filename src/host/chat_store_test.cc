// SPDX-License-Identifier: Apache-2.0
#include "host/chat_store.h"

#include "base/sha256.h"
#include "kept_chats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
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
using testing::ParseJson;
using testing::Said;
using ::testing::SizeIs;

class Chats : public testing::KeptChats {};

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
  answer.facts = ParseJson(R"({"usage":{"prompt_tokens":7,"completion_tokens":5}})");
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
  blind.pictures = ParseJson(Cat(R"([{"sha256":")", Sha256Of("nothing"), "\"}]"));
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

TEST(ChatSearch, LettersAreFoundInCapitalsAndSmall) {
  EXPECT_TRUE(HasWord("Grün ÄPFEL, Ωμέγα, ЖУК, ＡＢ", "äpfel"));
  EXPECT_TRUE(HasWord("äpfel", "ÄPF"));
  EXPECT_TRUE(HasWord("ΩΜΈΓΑ", "μέγ"));
  EXPECT_TRUE(HasWord("жук", "ЖУ"));
  EXPECT_TRUE(HasWord("ŁÓDŹ ŽLUŤ Ÿ", "łódź"));
  EXPECT_TRUE(HasWord("žluť", "ŽLUŤ"));
  EXPECT_TRUE(HasWord("aaab", "aab"));
  EXPECT_FALSE(HasWord("aab", "aaab"));
  EXPECT_FALSE(HasWord("", "a"));
  EXPECT_TRUE(HasWord("a", ""));
  EXPECT_TRUE(HasWord("a\xff\"b", "\"B"));
}

TEST_F(Chats, NeighboursOfThreeLettersAreNotTakenForWords) {
  Make("a", "abcd xbcde");
  EXPECT_THAT(Search("abcd"), SizeIs(1));
  EXPECT_THAT(Search("abcde"), IsEmpty());  // though abc, bcd and cde are there
  EXPECT_THAT(Search(std::string(900, 'x')), IsEmpty());
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
    seen.pictures = ParseJson(Cat(R"([{"sha256":")", sha256.value(), R"(","name":"cup.png"}])"));
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
  ASSERT_TRUE(journal.value()->Finish(MessageState::kDone, "small", ParseJson(R"({"finish":"stop"})")).ok());
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
  EXPECT_EQ(store_->Import({}, std::vector<ChatMessage>(service::kMostMessages + 1)).error().status, 413);
  EXPECT_EQ(Titles({}).size(), 2U);
}

TEST_F(Chats, SettingsAreOneObject) {
  EXPECT_EQ(store_->Settings().value().Dump(), "{}");
  ASSERT_TRUE(store_->SetSettings(ParseJson(R"({"theme":"dark"})")).ok());
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

}  // namespace
}  // namespace thimble::host
