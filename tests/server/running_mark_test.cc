// SPDX-License-Identifier: Apache-2.0
#include "server/running_mark.h"

#include "folder_test.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace thimble::server {
namespace {

class RunningMarkTest : public testing::FolderTest {};

TEST_F(RunningMarkTest, IsFoundAsLongAsItsServerRuns) {
  EXPECT_EQ(RunningMark::Find(folder_, 17741), std::nullopt);
  {
    const auto mark = RunningMark::Leave(folder_, 17741, "http://127.0.0.1:17741");
    ASSERT_TRUE(mark.ok()) << mark.error().message;
    EXPECT_EQ(RunningMark::Find(folder_, 17741), "http://127.0.0.1:17741");
    EXPECT_EQ(RunningMark::Find(folder_, 17742), std::nullopt);
    EXPECT_FALSE(RunningMark::Leave(folder_, 17741, "http://127.0.0.2:17741").ok());
    EXPECT_EQ(RunningMark::Find(folder_, 17741), "http://127.0.0.1:17741");
  }
  EXPECT_EQ(RunningMark::Find(folder_, 17741), std::nullopt);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(RunningMarkTest, WhatADeadServerLeftSaysNothing) {
  std::ofstream(folder_ + "/serve-17741") << "http://127.0.0.1:17741/and/longer";
  EXPECT_EQ(RunningMark::Find(folder_, 17741), std::nullopt);
  const auto mark = RunningMark::Leave(folder_, 17741, "http://[::1]:17741");
  ASSERT_TRUE(mark.ok());
  EXPECT_EQ(RunningMark::Find(folder_, 17741), "http://[::1]:17741");
  EXPECT_FALSE(RunningMark::Leave(folder_ + "/missing", 17741, "x").ok());
}

}  // namespace
}  // namespace thimble::server
