// SPDX-License-Identifier: Apache-2.0
#include "server/private_file.h"

#include "folder_test.h"
#include "server/api_keys.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace thimble::server {
namespace {

class PrivateFile : public testing::FolderTest {
 protected:
  std::string Write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), mode);
    return path;
  }
};

TEST_F(PrivateFile, TokenIsMadeOnce) {
  const std::string home = folder_ + "/a/home";
  const auto first = ReadToken(home, false);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first.value().size(), 64u);
  struct stat facts{};
  ASSERT_EQ(stat((home + "/token").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  EXPECT_EQ(ReadToken(home, false).value(), first.value());
  const auto renewed = ReadToken(home, true);
  ASSERT_TRUE(renewed.ok());
  EXPECT_NE(renewed.value(), first.value());
  EXPECT_EQ(ReadToken(home, false).value(), renewed.value());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(home), std::filesystem::directory_iterator()), 1);
}

TEST_F(PrivateFile, TokenThatOthersReadIsRefused) {
  const std::string good(64, 'a');
  for (const mode_t mode : {0644, 0640, 0604, 0620, 0666}) {
    Write("token", good, mode);
    const auto token = ReadToken(folder_, false);
    ASSERT_FALSE(token.ok()) << mode;
    EXPECT_EQ(token.error().code, Code::kInvalid);
    EXPECT_THAT(token.error().message, ::testing::HasSubstr("chmod 600"));
  }
  EXPECT_TRUE(ReadToken(folder_, true).ok());
  EXPECT_TRUE(ReadToken(folder_, false).ok());
}

TEST_F(PrivateFile, SomebodyElsesTokenIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only an administrator can give files away";
  const std::string path = Write("token", std::string(64, 'a'));
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_THAT(ReadToken(folder_, false).error().message, ::testing::HasSubstr("another user"));
}

TEST_F(PrivateFile, WhatIsNoTokenIsRefused) {
  for (const std::string& text : {std::string(), std::string("\n"), std::string(63, 'a'), std::string(65, 'a'),
                                  std::string(64, 'G'), std::string(2000, 'a')}) {
    Write("token", text);
    EXPECT_FALSE(ReadToken(folder_, false).ok()) << text;
  }
  std::filesystem::remove(folder_ + "/token");
  ASSERT_EQ(mkfifo((folder_ + "/token").c_str(), 0600), 0);
  EXPECT_FALSE(ReadToken(folder_, false).ok());
}

TEST_F(PrivateFile, KeysStandOneALine) {
  const auto keys = ApiKeys::Read(Write("keys", "# mine\n\n  first-key \r\nsecond-key"));
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_TRUE(keys.value().Accepts("first-key"));
  EXPECT_TRUE(keys.value().Accepts("second-key"));
  for (const char* key : {"", "first-ke", "first-key ", "# mine", "first-key\nsecond-key"}) {
    EXPECT_FALSE(keys.value().Accepts(key)) << key;
  }
  EXPECT_FALSE(ApiKeys().Accepts(""));
}

TEST_F(PrivateFile, KeyFilesThatAreNoneAreRefused) {
  EXPECT_EQ(ApiKeys::Read(folder_ + "/missing").error().code, Code::kNotFound);
  EXPECT_FALSE(ApiKeys::Read(folder_).ok());
  EXPECT_FALSE(ApiKeys::Read(Write("open", "first-key\n", 0644)).ok());
  for (const std::string& text : {std::string(), std::string("# none\n"), std::string("short\n"),
                                  std::string("two words\n"), std::string(1025, 'a'), std::string(2 << 20, '\n')}) {
    EXPECT_FALSE(ApiKeys::Read(Write("keys", text)).ok()) << text.substr(0, 20);
  }
}

}  // namespace
}  // namespace thimble::server
