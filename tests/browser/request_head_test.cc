// SPDX-License-Identifier: Apache-2.0
#include "common/request_head.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace thimble::common {
namespace {

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
}  // namespace thimble::common
