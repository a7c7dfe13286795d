// SPDX-License-Identifier: Apache-2.0
#include "host/chat_id.h"

#include "service/chat_form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>

namespace thimble::host {
namespace {

void ExpectIds(RandomSource source) {
  std::set<std::string> ids;
  constexpr std::size_t kCount = 10000;
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string id = ChatIdFrom(source);
    ASSERT_EQ(id.size(), service::kChatIdChars);
    EXPECT_TRUE(std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0; })) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), kCount);
}

TEST(ChatId, NoTwoAreAlike) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(NewChatId());
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(ChatId, NorAreTheyWithoutRandomNumbers) {
  ExpectIds([](void*, std::size_t) { return false; });
  // A source that fails halfway has written something.
  ExpectIds([](void* bytes, std::size_t count) {
    std::memset(bytes, 7, count / 2);
    return false;
  });
}

TEST(ChatId, IsMadeOfWhatTheSourceGives) {
  const RandomSource zeros = [](void* bytes, std::size_t count) {
    std::memset(bytes, 0, count);
    return true;
  };
  EXPECT_EQ(ChatIdFrom(zeros), std::string(24, '0'));
}

}  // namespace
}  // namespace thimble::host
