// SPDX-License-Identifier: Apache-2.0
// An index for searching that is no longer what the tables say, as a bug, a damaged file or another program may leave
// it.
#include "host/chat_index.h"

#include "kept_chats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace thimble::host {
namespace {

using testing::Id;
using ::testing::IsEmpty;
using testing::kDay;
using testing::Said;
using ::testing::SizeIs;

class ChatIndex : public testing::KeptChats {
 protected:
  void SetUp() override {
    KeptChats::SetUp();
    Make("a", "Kettles and pots");
    Say("a", Said("m1", "", "user", "the kettle whistles"));
    Say("a", Said("m2", "m1", "assistant", "Lift it."));
  }
  // Behind the store's back, as another program may; the file is closed properly behind it.
  void Do(const std::string& sql) {
    store_.reset();
    auto database = Database::Open(File("chats.sqlite"), Database::Use::kWrite, {});
    ASSERT_TRUE(database.ok());
    const auto done = database.value()->Execute(sql);
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  std::unique_ptr<Database> File() {
    auto database = Database::Open(File("chats.sqlite"), Database::Use::kWrite, {});
    EXPECT_TRUE(database.ok());
    return std::move(database).value();
  }
  using KeptChats::File;
};

TEST_F(ChatIndex, IsLeftAloneWhereItIsRight) {
  // Characters of one to four bytes, alone, in pairs, put together, and those that count as none.
  for (const char* text : {"", "x", "xy", "\xC3\xA9t\xC3\xA9", "\xE4\xB8\xAD\xE6\x96\x87\xE5\xAD\x97",
                           "\xF0\x9F\x98\x80\xF0\x9F\x98\x80!", "I\xCC\x87stanbul \xEF\xAC\x80",
                           "\xEF\xBB\xBF"
                           "abc",
                           "a\nb\tc", "\x7f\x01\x02"})
    Say("a", Said(Cat("t", ++now_), "", "user", text));
  Say("a", Said("zero", "", "user", std::string("abcd\0efgh", 9)));
  ASSERT_TRUE(store_->DeleteMessage(Id("a"), Id("m2")).ok());
  Announce("a", "r", "m1");
  const auto database = File();
  for (const IndexCheck check : {IndexCheck::kRows, IndexCheck::kLengths, IndexCheck::kWords}) {
    const auto mended = MendIndex(database.get(), check);
    ASSERT_TRUE(mended.ok()) << mended.error().message;
    EXPECT_FALSE(mended.value());
  }
  ASSERT_TRUE(RebuildIndex(database.get()).ok());
  EXPECT_FALSE(MendIndex(database.get(), IndexCheck::kWords).value());
  EXPECT_THAT(Search("kettle"), SizeIs(1));
}

TEST_F(ChatIndex, EachCheckFindsWhatItSaysItDoes) {
  const auto database = File();
  const auto drifts = [&](const std::string& sql, IndexCheck finds) {
    SCOPED_TRACE(sql);
    ASSERT_TRUE(database->Execute(sql).ok());
    if (finds != IndexCheck::kRows) {
      EXPECT_FALSE(MendIndex(database.get(), IndexCheck::kRows).value());
    }
    if (finds == IndexCheck::kWords) {
      EXPECT_FALSE(MendIndex(database.get(), IndexCheck::kLengths).value());
    }
    EXPECT_TRUE(MendIndex(database.get(), finds).value());
    EXPECT_FALSE(MendIndex(database.get(), IndexCheck::kWords).value());
  };
  drifts("INSERT INTO text_search (text_search) VALUES ('delete-all')", IndexCheck::kRows);
  drifts("INSERT INTO title_search (title_search) VALUES ('delete-all')", IndexCheck::kRows);
  drifts("DELETE FROM messages WHERE text LIKE 'Lift%'", IndexCheck::kRows);
  drifts("UPDATE messages SET text = 'the kettle is silent'", IndexCheck::kLengths);
  drifts("UPDATE chats SET title = 'Pans'", IndexCheck::kLengths);
  drifts("UPDATE messages SET text = 'the bottle is silent'", IndexCheck::kWords);
}

TEST_F(ChatIndex, IsMadeAnewWhenTheStoreIsOpened) {
  Do("INSERT INTO text_search (text_search) VALUES ('delete-all');"
     "INSERT INTO title_search (title_search) VALUES ('delete-all')");
  Reopen();
  EXPECT_THAT(Search("kettle"), SizeIs(1));
  EXPECT_THAT(Search("pots"), SizeIs(1));
  EXPECT_EQ(store_->Messages(Id("a")).value().size(), 2U);
  // As it stays.
  Say("a", Said("m3", "m2", "user", "another teapot"));
  EXPECT_THAT(Search("teapot"), SizeIs(1));
  EXPECT_FALSE(MendIndex(File().get(), IndexCheck::kWords).value());
}

TEST_F(ChatIndex, TextsThatOthersChangedAreFoundADayLater) {
  Do("UPDATE messages SET text = 'the samovar is hot' WHERE text LIKE 'the kettle%'");
  now_ += kDay;
  Reopen();
  EXPECT_THAT(Search("samovar"), SizeIs(1));
  EXPECT_THAT(Search("whistles"), IsEmpty());
  Do("UPDATE messages SET text = 'the teapots is hot' WHERE text LIKE 'the samovar%'");  // as long as it was
  now_ += kDay;
  Reopen();
  EXPECT_THAT(Search("teapots"), SizeIs(1));
}

TEST_F(ChatIndex, TextsThatOthersChangedAreFoundWhereTheFileWasNotClosed) {
  // The log stays where somebody has the file open, as it does where its process was killed.
  const auto other = File();
  ASSERT_TRUE(other->Execute("UPDATE messages SET text = 'the samovar is hot' WHERE text LIKE 'the kettle%'").ok());
  Reopen();
  EXPECT_THAT(Search("samovar"), SizeIs(1));
}

}  // namespace
}  // namespace thimble::host
