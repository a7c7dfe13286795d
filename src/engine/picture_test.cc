// SPDX-License-Identifier: Apache-2.0
// How large pictures of a conversation are read.
#include "engine/picture.h"

#include "session_tools.h"

#include <gtest/gtest.h>

namespace thimble::testing {
namespace {

constexpr PatchSizes kSizes;
constexpr PixelLimits kReleased;  // those of the released models

PictureReading Choose(ImageSize given, Detail detail, std::int64_t before = 0, std::int64_t context = 8192) {
  return Get(ChooseReading(given, detail, kSizes, kReleased, before, context));
}

TEST(Reading, APhotoIsReadWithinItsBudget) {
  const PictureReading photo = Choose({3024, 4032}, Detail::kAuto);
  EXPECT_EQ(photo.read.width, 1152);
  EXPECT_EQ(photo.read.height, 864);
  EXPECT_EQ(photo.tokens, 972);
  EXPECT_TRUE(photo.is_reduced);
  EXPECT_FALSE(photo.fills_its_share);
  EXPECT_LE(Choose({3024, 4032}, Detail::kLow).tokens, 256);
  const PictureReading high = Choose({3024, 4032}, Detail::kHigh);
  EXPECT_LE(high.tokens, 4096);
  EXPECT_GT(high.tokens, 3800);
  EXPECT_TRUE(high.fills_its_share);
  // With room for it, the file's limits hold: what the reference reads.
  EXPECT_EQ(Choose({3024, 4032}, Detail::kHigh, 0, 262144).tokens, Choose({3024, 4032}, Detail::kFile).tokens);
  EXPECT_EQ(Choose({3024, 4032}, Detail::kFile, 8000).tokens, 11844);
}

TEST(Reading, SmallPicturesAreReadAsTheReferenceDoes) {
  for (const ImageSize size : {ImageSize{400, 300}, {1, 1}, {640, 480}, {32, 32}}) {
    const PictureReading reading = Choose(size, Detail::kAuto);
    const ImageSize wanted = Get(SmartResize(size.height, size.width, kSizes, kReleased));
    EXPECT_EQ(reading.read.width, wanted.width);
    EXPECT_EQ(reading.read.height, wanted.height);
    EXPECT_FALSE(reading.is_reduced);
  }
}

TEST(Reading, NeverMoreThanHalfOfWhatIsLeftNorLessThan64) {
  for (const std::int64_t before : {0, 100, 4000, 7000, 8000, 8190, 8192, 20000}) {
    for (const Detail detail : {Detail::kLow, Detail::kAuto, Detail::kHigh}) {
      for (const ImageSize size :
           {ImageSize{3024, 4032}, {8000, 6000}, {50, 9000}, {9000, 50}, {4000, 40}, {999, 1001}}) {
        const PictureReading reading = Choose(size, detail, before);
        const std::int64_t budget = detail == Detail::kLow ? 256 : detail == Detail::kAuto ? 1024 : 16384;
        const std::int64_t most = std::min(budget, std::max<std::int64_t>(64, (8192 - before) / 2));
        EXPECT_LE(reading.tokens, most > 80 ? most : 90);  // whole blocks: a few more than 64 where that is all
        EXPECT_GE(reading.tokens, 64);
        EXPECT_EQ(reading.tokens, static_cast<std::int64_t>(reading.read.width / 32) * (reading.read.height / 32));
      }
    }
  }
  EXPECT_FALSE(ChooseReading({1, 500}, Detail::kAuto, kSizes, kReleased, 0, 8192).ok());  // aspect
}

TEST(Reading, ASettledPictureGivesTheSamePatches) {
  Picture picture = LoadImage("rgb.png");
  const ImageSize given = picture.size();
  PixelLimits limits;
  limits.min_pixels = 1024;
  PictureReading reading =
      Get(ChooseReading(given, Detail::kAuto, kSizes, {1024, std::int64_t{given.width} * given.height / 3}, 0, 4096));
  reading.digest = DigestOf(picture);
  const Patches before = Get(PatchifyAt(picture.image, kSizes, reading.read));
  Settle(reading, &picture);
  EXPECT_LT(picture.image.rgb.size(),
            static_cast<std::size_t>(given.width) * static_cast<std::size_t>(given.height) * 3);
  EXPECT_EQ(picture.size().width, given.width);
  EXPECT_EQ(DigestOf(picture), reading.digest);
  const Patches after = Get(PatchifyAt(picture.image, kSizes, reading.read));
  ASSERT_EQ(before.values.size(), after.values.size());
  for (std::size_t i = 0; i < before.values.size(); ++i) ASSERT_EQ(before.values[i], after.values[i]);
}

// What a first turn decided holds, whatever comes: nothing is read twice, no picture encoded again.
TEST(Reading, LaterPicturesChangeNoEarlierOne) {
  host::OpenOptions options;
  options.model = Fixture("models/vl");
  options.pixel_limits = PixelLimits{1024, 16777216};
  options.context = 1200;
  const auto engine = Get(host::OpenModel(options));
  const auto session = NewSession(engine);
  Picture photo;
  photo.image.width = 1300;
  photo.image.height = 1000;
  photo.image.rgb.assign(std::size_t{1300} * 1000 * 3, 90);
  GenerateRequest request = Ask("", 3);
  request.detail = Detail::kHigh;
  request.chat().messages.clear();
  std::vector<std::int64_t> tokens;
  std::int64_t left = 1200;
  for (int turn = 0; turn < 4; ++turn) {
    photo.image.rgb[0] = static_cast<std::uint8_t>(turn);
    request.pictures.push_back(photo);
    request.chat().messages.push_back(UserMessage("Look", "p.png"));
    const Reply reply = Get(session->Generate(request, kNoSink));
    ASSERT_EQ(reply.pictures.size(), static_cast<std::size_t>(turn) + 1);
    for (int i = 0; i < turn; ++i)
      EXPECT_EQ(reply.pictures[static_cast<std::size_t>(i)].tokens, tokens[static_cast<std::size_t>(i)]);
    EXPECT_FALSE(turn > 0 && reply.pictures.front().is_new);
    tokens.push_back(reply.pictures.back().tokens);
    EXPECT_TRUE(reply.pictures.back().is_new);
    EXPECT_LE(tokens.back(), std::max<std::int64_t>(64, left / 2));
    EXPECT_EQ(reply.stats.pictures_encoded, 1);
    left = 1200 - static_cast<std::int64_t>(reply.prompt_ids.size());
    for (std::size_t i = 0; i < reply.pictures.size(); ++i) Settle(reply.pictures[i], &request.pictures[i]);
    request.chat().messages.push_back({"assistant", {{Part::Kind::kText, reply.text, ""}}, false, {}, {}});
  }
  EXPECT_GT(tokens[0], tokens[1]);
  // Ids and the engine's own default keep the file's limits.
  GenerateRequest plain = Ask("", 1);
  plain.chat().messages = {UserMessage("Look", "p.png")};
  plain.pictures = {photo};
  EXPECT_FALSE(session->Generate(plain, kNoSink).ok());
}

}  // namespace
}  // namespace thimble::testing
