// SPDX-License-Identifier: Apache-2.0
#include "engine/album.h"

#include "conformance/loaded_model.h"

#include <gtest/gtest.h>

namespace thimble::testing {
namespace {

PictureId Id(int number) {
  PictureId id;
  id.grid.w = number;
  return id;
}

std::shared_ptr<const VisionRows> Rows(std::size_t floats) {
  VisionRows rows;
  rows.rows = Get(Buffer<float>::Create(floats));
  return std::make_shared<const VisionRows>(std::move(rows));
}

TEST(Album, KeepsWhatWasUsedLast) {
  Album album(100 * sizeof(float));
  album.Keep(Id(1), Rows(40));
  album.Keep(Id(2), Rows(40));
  EXPECT_NE(album.Find(Id(1)), nullptr);
  album.Keep(Id(3), Rows(40));
  EXPECT_NE(album.Find(Id(1)), nullptr);
  EXPECT_EQ(album.Find(Id(2)), nullptr);
  EXPECT_NE(album.Find(Id(3)), nullptr);
  EXPECT_EQ(album.bytes(), 80 * sizeof(float));
}

TEST(Album, ThePictureThatIsReadStaysHoweverLarge) {
  Album album(10);
  album.Keep(Id(1), Rows(40));
  const auto held = album.Find(Id(1));
  ASSERT_NE(held, nullptr);
  album.Keep(Id(2), Rows(50));
  EXPECT_EQ(album.Find(Id(1)), nullptr);
  EXPECT_EQ(held->rows.size(), 40U);  // whoever reads it still has it
  EXPECT_EQ(album.bytes(), 50 * sizeof(float));
}

TEST(Album, TheSamePictureIsKeptOnce) {
  Album album(1 << 20);
  album.Keep(Id(1), Rows(40));
  album.Keep(Id(1), Rows(40));
  EXPECT_EQ(album.bytes(), 40 * sizeof(float));
}

}  // namespace
}  // namespace thimble::testing
