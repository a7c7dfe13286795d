// SPDX-License-Identifier: Apache-2.0
#include "common/model_places.h"

#include <gtest/gtest.h>

namespace thimble::common {
namespace {

TEST(ModelPlaces, AreReadBack) {
  const StorageContents contents = ReadContents({{PackPlace("a"), 100},
                                                 {VisionPlace("a"), 10},
                                                 {MakingPlace("b"), 7},
                                                 {UploadPlace("b", "b.gguf"), 50},
                                                 {UploadPlace("b", "mmproj.gguf.90.part"), 20},
                                                 {DeletedPlace("c"), 1},
                                                 {"picked/Some file.gguf", 5}});
  ASSERT_EQ(contents.models.size(), 3u);
  const StoredModel& whole = contents.models.at("a");
  EXPECT_TRUE(whole.is_whole && whole.has_vision && !whole.has_making && whole.uploads.empty());
  EXPECT_EQ(whole.bytes, 110u);
  const StoredModel& half = contents.models.at("b");
  EXPECT_TRUE(!half.is_whole && half.has_making);
  ASSERT_EQ(half.uploads.size(), 2u);
  EXPECT_TRUE(half.uploads[0].is_whole);
  EXPECT_EQ(half.uploads[1].name, "mmproj.gguf");
  EXPECT_EQ(half.uploads[1].bytes, 20u);
  EXPECT_EQ(half.uploads[1].total, 90u);
  EXPECT_TRUE(contents.models.at("c").is_deleted);
  ASSERT_EQ(contents.picked.size(), 1u);
  EXPECT_EQ(contents.picked[0].name, "Some file.gguf");
}

TEST(ModelPlaces, WhatIsNotOursIsLeftAlone) {
  const StorageContents contents =
      ReadContents({{"", 1}, {"x", 1}, {"/", 1}, {".x/model.pack", 1}, {"a/other", 1}, {"a/.upload/../b", 1}});
  EXPECT_TRUE(contents.picked.empty());
  for (const auto& [name, model] : contents.models) EXPECT_TRUE(model.uploads.empty() && !model.is_whole) << name;
}

}  // namespace
}  // namespace thimble::common
