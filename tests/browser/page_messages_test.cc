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

}  // namespace
}  // namespace thimble::browser
