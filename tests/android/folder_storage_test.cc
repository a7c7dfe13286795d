// SPDX-License-Identifier: Apache-2.0
#include "android/native/folder_storage.h"

#include "folder_test.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace thimble::android {
namespace {

std::span<const std::byte> BytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

class FolderStorageTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    folder_path_ = folder_ + "/models";
    held_ = std::make_unique<FolderStorage>(folder_path_);
  }
  void Write(const std::string& name, std::string_view text) {
    auto file = held_->Open(name, true);
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_TRUE(file.value()->WriteAt(0, BytesOf(text)).ok());
    EXPECT_TRUE(file.value()->Flush().ok());
  }
  std::string folder_path_;
  std::unique_ptr<FolderStorage> held_;
};

TEST_F(FolderStorageTest, KeepsFilesByNamesAndMapsThem) {
  Write("a/model.pack", "0123456789");
  Write("b/.upload/b.gguf.20.part", "abc");
  const auto files = held_->List();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].name, "a/model.pack");
  EXPECT_EQ(files[0].bytes, 10u);
  EXPECT_EQ(files[1].name, "b/.upload/b.gguf.20.part");
  const auto mapped = held_->Map("a/model.pack");
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped.value()->mapped().size(), 10u);
  const auto file = held_->Open("a/model.pack", false);
  ASSERT_TRUE(file.ok());
  std::array<std::byte, 16> bytes{};
  EXPECT_EQ(file.value()->ReadAt(4, bytes).value(), 6u);
  EXPECT_EQ(bytes[0], std::byte{'4'});
  EXPECT_EQ(file.value()->Size().value(), 10u);
}

TEST_F(FolderStorageTest, WhatIsGoneLeavesNoFolder) {
  Write("b/.upload/b.gguf", "abc");
  EXPECT_TRUE(held_->Rename("b/.upload/b.gguf", "b/model.pack").ok());
  EXPECT_TRUE(held_->Delete("b/model.pack").ok());
  EXPECT_TRUE(held_->List().empty());
  EXPECT_EQ(held_->Delete("b/model.pack").error().code, Code::kSystem);
  EXPECT_EQ(held_->Open("b/model.pack", false).error().code, Code::kNotFound);
  EXPECT_TRUE(std::filesystem::exists(folder_path_));
}

TEST_F(FolderStorageTest, ALinkedFileStaysWhereItIs) {
  const std::string outside = folder_ + "/outside.gguf";
  std::ofstream(outside) << "GGUF";
  ASSERT_TRUE(held_->Link(outside, "builtin/.upload/builtin.gguf").ok());
  ASSERT_EQ(held_->List().size(), 1u);
  EXPECT_EQ(held_->List()[0].bytes, 4u);
  EXPECT_FALSE(held_->Open("builtin/.upload/builtin.gguf", true).ok());  // nobody writes through it
  EXPECT_TRUE(held_->Delete("builtin/.upload/builtin.gguf").ok());
  EXPECT_TRUE(std::filesystem::exists(outside));
}

}  // namespace
}  // namespace thimble::android
