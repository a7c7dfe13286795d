// SPDX-License-Identifier: Apache-2.0
#include "wasm/page_messages.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble::browser {
namespace {

TEST(StartConfig, EverythingMayBeMissing) {
  const auto config = ParseStartConfig("{}");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config.value().threads, 1);
  EXPECT_EQ(config.value().context, 4096);
  EXPECT_EQ(config.value().kv, KvType::kF16);
  EXPECT_EQ(config.value().memory_bytes, 0u);
}

TEST(StartConfig, SaysWhatIsSaid) {
  const auto config = ParseStartConfig(
      R"({"threads": 4, "context": 2048, "kv": "q8_0", "version": "0.6.0", "page": {"a": 1}, "memory_bytes": 1073741824})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config.value().threads, 4);
  EXPECT_EQ(config.value().context, 2048);
  EXPECT_EQ(config.value().kv, KvType::kQ8);
  EXPECT_EQ(config.value().version, "0.6.0");
  EXPECT_EQ(config.value().page.Dump(), R"({"a":1})");
  EXPECT_EQ(config.value().memory_bytes, std::uint64_t{1} << 30);
}

TEST(StartConfig, NonsenseIsRefused) {
  for (const char* text :
       {"", "[]", "7", R"({"threads": 0})", R"({"threads": 65})", R"({"threads": "2"})", R"({"context": 0})",
        R"({"kv": "f32"})", R"({"page": 1})", R"({"version": []})", R"({"memory_bytes": -1})"})
    EXPECT_FALSE(ParseStartConfig(text).ok()) << text;
}

TEST(RequestHead, NamesOfHeadersBecomeLowerCase) {
  const auto head =
      ParseHead(R"({"method": "PUT", "path": "/a b", "query": "x=%20", "headers": [["Content-Type", "A/B"]]})");
  ASSERT_TRUE(head.ok()) << head.error().message;
  EXPECT_EQ(head.value().method, "PUT");
  EXPECT_EQ(head.value().path, "/a b");
  EXPECT_EQ(head.value().query, "x=%20");
  ASSERT_NE(head.value().FindHeader("content-type"), nullptr);
  EXPECT_EQ(*head.value().FindHeader("content-type"), "A/B");
}

TEST(RequestHead, NonsenseIsRefused) {
  const std::string many = R"({"method": "GET", "path": "/", "headers": [)" + [] {
    std::string pairs;
    for (int i = 0; i < 101; ++i) pairs += i == 0 ? R"(["a","b"])" : R"(,["a","b"])";
    return pairs;
  }() + "]}";
  const std::string longest = R"({"method": "GET", "path": "/)" + std::string(70000, 'x') + "\"}";
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string(R"({"method": "GET"})"), std::string(R"({"path": "/"})"),
        std::string(R"({"method": "get", "path": "/"})"), std::string(R"({"method": "GET", "path": "x"})"),
        std::string(R"({"method": "GET", "path": "/", "headers": {}})"),
        std::string(R"({"method": "GET", "path": "/", "headers": [["a"]]})"),
        std::string(R"({"method": "GET", "path": "/", "headers": [["", "b"]]})"), many, longest})
    EXPECT_FALSE(ParseHead(text).ok()) << text.substr(0, 100);
}

TEST(Headers, AreAListOfPairs) {
  const std::vector<service::Header> headers = {{"a", "1"}, {"b", "\"2\""}};
  EXPECT_EQ(HeadersText(headers), R"([["a","1"],["b","\"2\""]])");
}

}  // namespace
}  // namespace thimble::browser
