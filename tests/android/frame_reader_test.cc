// SPDX-License-Identifier: Apache-2.0
#include "android/native/frame_reader.h"

#include "android/native/lines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace thimble::android {
namespace {

// A stream of these bytes, at most so many at a time.
FrameReader Over(std::string text, std::size_t piece) {
  return FrameReader([text = std::move(text), piece, at = std::size_t{0}](std::span<char> to) mutable {
    const std::size_t count = std::min({piece, to.size(), text.size() - at});
    std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(at), count, to.begin());
    at += count;
    return count;
  });
}

std::string Taken(FrameReader* reader, std::uint64_t count) {
  std::string taken;
  const Status status = reader->Bytes(count, [&](std::span<const std::uint8_t> piece) {
    taken.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return status.ok() ? taken : status.error().message;
}

TEST(FrameReader, ReadsLinesAndBytesHoweverTheyAreCut) {
  const std::string bytes("\n\0{}\n", 5);
  for (std::size_t piece = 1; piece < 12; ++piece) {
    FrameReader reader = Over("first\n" + bytes + "\n\nlast", piece);
    EXPECT_EQ(reader.Line().value(), "first");
    EXPECT_EQ(Taken(&reader, bytes.size()), bytes);
    EXPECT_EQ(reader.Line().value(), "");
    EXPECT_EQ(reader.Line().value(), "last");
    EXPECT_FALSE(reader.Line().value().has_value());
    EXPECT_FALSE(reader.Line().value().has_value());
  }
}

TEST(FrameReader, ALineThatIsTooLongIsLeftOut) {
  FrameReader reader =
      Over(std::string(kLongestLine, 'a') + "\n" + std::string(kLongestLine + 1, 'b') + "\nc\n", 100'000);
  EXPECT_EQ(reader.Line().value()->size(), kLongestLine);
  EXPECT_FALSE(reader.Line().ok());
  EXPECT_EQ(reader.Line().value(), "c");
}

TEST(FrameReader, ABrokenFrameIsSaid) {
  FrameReader shorter = Over("abc", 2);
  EXPECT_NE(Taken(&shorter, 4).find("ended 1 bytes before"), std::string::npos);
  FrameReader no_newline = Over("abcd", 2);
  EXPECT_NE(Taken(&no_newline, 4).find("before the newline"), std::string::npos);
  FrameReader longer = Over("abcde\n", 2);
  EXPECT_NE(Taken(&longer, 4).find("no newline"), std::string::npos);
  FrameReader none = Over("\nx", 9);
  EXPECT_EQ(Taken(&none, 0), "");
}

}  // namespace
}  // namespace thimble::android
