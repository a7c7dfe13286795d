// SPDX-License-Identifier: Apache-2.0
#include "android/native/lines.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace thimble::android {
namespace {

template <typename T>
T Said(const std::string& text) {
  ReadLine read = ParseLine(text);
  EXPECT_TRUE(read.line.ok()) << text << ": " << read.line.error().message;
  if (!read.line.ok() || !std::holds_alternative<T>(read.line.value())) {
    ADD_FAILURE() << text << " is read as something else";
    return T{};
  }
  return std::get<T>(std::move(read.line).value());
}

TEST(Lines, StartSaysWhereThingsAre) {
  const auto start = Said<StartLine>(
      R"({"start": {"version": "0.7.0", "models": "/m", "chats": "/c", "cache": "/k", "threads": 4, "context": 2048,
          "kv": "q8_0", "memory_bytes": 1073741824, "builtin": "/b.gguf", "page": {"a": 1}}})");
  EXPECT_EQ(start.version, "0.7.0");
  EXPECT_EQ(start.models, "/m");
  EXPECT_EQ(start.chats, "/c");
  EXPECT_EQ(start.builtin, "/b.gguf");
  EXPECT_EQ(start.threads, 4);
  EXPECT_EQ(start.context, 2048);
  EXPECT_EQ(start.kv, KvType::kQ8);
  EXPECT_EQ(start.memory_bytes, std::uint64_t{1} << 30);
  EXPECT_EQ(start.page.Dump(), R"({"a":1})");
  const auto least = Said<StartLine>(R"({"start": {"models": "/m", "builtin": null}})");
  EXPECT_EQ(least.threads, 0);
  EXPECT_EQ(least.context, 4096);
  EXPECT_TRUE(least.builtin.empty() && least.chats.empty());
}

TEST(Lines, RequestsAndBodiesHaveBytesBehindThem) {
  const ReadLine read = ParseLine(
      R"({"request": 7, "method": "POST", "path": "/x", "headers": [["A", "b"]], "bytes": 12, "more": true})");
  ASSERT_TRUE(read.line.ok());
  EXPECT_EQ(read.bytes, 12u);
  const auto& request = std::get<RequestLine>(read.line.value());
  EXPECT_EQ(request.id, 7u);
  EXPECT_TRUE(request.has_more);
  EXPECT_EQ(request.request.method, "POST");
  ASSERT_NE(request.request.FindHeader("a"), nullptr);
  EXPECT_FALSE(Said<RequestLine>(R"({"request": 9007199254740992, "method": "GET", "path": "/"})").has_more);
  EXPECT_EQ(Said<BodyLine>(R"({"body": 7, "bytes": 0})").id, 7u);
  EXPECT_EQ(Said<CancelLine>(R"({"cancel": 7})").id, 7u);
  Said<StopLine>(R"({"stop": true})");
}

TEST(Lines, ReadingsMayBeUnknown) {
  const auto told = Said<ReadingsLine>(
      R"({"readings": {"thermal": 2, "headroom": 0.75, "battery": 40, "charging": true, "power_save": true, "mode": "cool"}})");
  EXPECT_EQ(told.readings.thermal, 2);
  EXPECT_EQ(told.readings.headroom, 0.75);
  EXPECT_EQ(told.readings.battery, 40);
  EXPECT_TRUE(told.readings.is_charging && told.readings.saves_power);
  EXPECT_EQ(told.mode, PowerMode::kCool);
  const auto none = Said<ReadingsLine>(R"({"readings": {"headroom": null, "battery": null}})");
  EXPECT_EQ(none.readings.thermal, -1);
  EXPECT_FALSE(none.readings.headroom.has_value() || none.readings.battery.has_value());
  EXPECT_EQ(none.mode, PowerMode::kBalanced);
}

TEST(Lines, NonsenseIsRefused) {
  for (const std::string& text : {std::string(),
                                  std::string("[]"),
                                  std::string("{}"),
                                  std::string("nonsense"),
                                  std::string(R"({"start": 1})"),
                                  std::string(R"({"start": {}})"),
                                  std::string(R"({"start": {"models": ""}})"),
                                  std::string(R"({"start": {"models": "a\u0000b"}})"),
                                  std::string(R"({"start": {"models": "/m", "threads": 65}})"),
                                  std::string(R"({"start": {"models": "/m", "memory_bytes": -1}})"),
                                  std::string(R"({"start": {"models": "/m", "kv": "f64"}})"),
                                  std::string(R"({"request": 0, "method": "GET", "path": "/"})"),
                                  std::string(R"({"request": 9007199254740993, "method": "GET", "path": "/"})"),
                                  std::string(R"({"request": "1", "method": "GET", "path": "/"})"),
                                  std::string(R"({"request": 1, "path": "/"})"),
                                  std::string(R"({"request": 1, "method": "GET", "path": "x"})"),
                                  std::string(R"({"request": 1, "method": "GET", "path": "/", "more": 1})"),
                                  std::string(R"({"cancel": -1})"),
                                  std::string(R"({"cancel": 1, "bytes": 3})"),
                                  std::string(R"({"readings": {"thermal": 7}})"),
                                  std::string(R"({"readings": {"headroom": -0.1}})"),
                                  std::string(R"({"readings": {"battery": 101}})"),
                                  std::string(R"({"readings": {"mode": "hot"}})"),
                                  std::string(kLongestLine + 1, 'x')})
    EXPECT_FALSE(ParseLine(text).line.ok()) << text.substr(0, 100);
}

TEST(Lines, OfAWrongLineTheBytesAreKnownWhereItSaysThem) {
  EXPECT_EQ(ParseLine(R"({"request": 0, "bytes": 5})").bytes, 5u);
  EXPECT_EQ(ParseLine(R"({"other": 0, "bytes": 5})").bytes, 5u);
  EXPECT_FALSE(ParseLine(R"({"request": 1, "bytes": -5})").bytes.has_value());
  EXPECT_FALSE(ParseLine(R"({"request": 1, "bytes": 1e300})").bytes.has_value());
}

}  // namespace
}  // namespace thimble::android
