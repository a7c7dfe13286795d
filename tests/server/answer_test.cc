// SPDX-License-Identifier: Apache-2.0
#include "server/answer.h"

#include "server/answer_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace thimble::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<service::Header> kJson = {{"content-type", "application/json"}};
const std::vector<service::Header> kEvents = {{"content-type", "text/event-stream"}};

TEST(Answer, WhatIsWholeHasALength) {
  int num_wakes = 0;
  Answer answer(100, 1000, [&] { ++num_wakes; });
  answer.Begin(200, kJson);
  answer.Part("{");
  EXPECT_FALSE(answer.Take());
  EXPECT_EQ(num_wakes, 0);
  answer.Part("}");
  answer.End();
  EXPECT_EQ(num_wakes, 1);
  const auto batch = answer.Take();
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->begins && batch->ends);
  EXPECT_EQ(batch->length, 2u);
  EXPECT_EQ(batch->bytes, "{}");
  EXPECT_FALSE(answer.Take());
}

TEST(Answer, StreamsGoOutAsTheyCome) {
  int num_wakes = 0;
  Answer answer(100, 1000, [&] { ++num_wakes; });
  answer.Begin(200, kEvents);
  answer.Part("data: 1\n\n");
  EXPECT_EQ(num_wakes, 1);  // one look takes both
  auto batch = answer.Take();
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->begins && !batch->ends && !batch->length);
  EXPECT_FALSE(answer.Take());
  answer.End();
  EXPECT_EQ(num_wakes, 2);
  batch = answer.Take();
  ASSERT_TRUE(batch);
  EXPECT_TRUE(!batch->begins && batch->ends && batch->bytes.empty());
}

TEST(Answer, IsFullUntilTheClientTook) {
  Answer answer(100, 1000, [] {});
  answer.Begin(200, kEvents);
  answer.Part(std::string(99, 'a'));
  EXPECT_FALSE(answer.IsFull());
  answer.Part("a");
  EXPECT_TRUE(answer.IsFull());
  ASSERT_TRUE(answer.Take());
  EXPECT_TRUE(answer.IsFull());  // on its way is not taken
  answer.Sent();
  EXPECT_FALSE(answer.IsFull());
}

TEST(Answer, WhoDoesNotLookIsCutOff) {
  Answer answer(100, 1000, [] {});
  answer.Begin(200, kEvents);
  answer.Part(std::string(1000, 'a'));
  EXPECT_FALSE(answer.is_broken());
  answer.Part("a");
  EXPECT_TRUE(answer.is_broken());
  EXPECT_FALSE(answer.Take());
}

TEST(Answer, LargeOnesComeInPieces) {
  Answer answer(1 << 20, 10 << 20, [] {});
  const std::size_t size = (300 << 10) + 7;
  answer.Begin(200, kJson);
  answer.Part(std::string(size, 'a'));
  answer.End();
  std::size_t count = 0;
  for (bool ends = false; !ends;) {
    const auto batch = answer.Take();
    ASSERT_TRUE(batch);
    if (batch->begins) {
      EXPECT_EQ(batch->length, size);
    }
    EXPECT_LE(batch->bytes.size(), std::size_t{64 << 10});
    count += batch->bytes.size();
    ends = batch->ends;
    answer.Sent();
  }
  EXPECT_EQ(count, size);
}

TEST(Answer, WithoutAConnectionNothingHappens) {
  std::atomic<int> num_wakes{0};
  const auto answer = std::make_shared<Answer>(100, 1000, [&] { ++num_wakes; });
  answer->Begin(200, kEvents);
  std::thread writer([answer] {
    for (int i = 0; i < 10'000; ++i) answer->Part("a");
    answer->End();
  });
  answer->Detach();
  const int before = num_wakes.load();
  EXPECT_FALSE(answer->IsFull());
  writer.join();
  EXPECT_EQ(num_wakes.load(), before);
  EXPECT_FALSE(answer->IsFull());
}

TEST(AnswerHead, LineHeadersAndSafety) {
  HeadFacts facts;
  facts.length = 3;
  const std::string text = WriteHead(facts, {{"content-type", "application/json"}, {"x-should-retry", "false"}});
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
  for (const char* line : {"content-length: 3\r\n", "x-should-retry: false\r\n", "x-content-type-options: nosniff\r\n",
                           "referrer-policy: no-referrer\r\n", "cross-origin-resource-policy: same-origin\r\n",
                           "cache-control: no-store\r\n", "date: "}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("content-security-policy")));
  EXPECT_THAT(text, Not(HasSubstr("access-control")));
}

TEST(AnswerHead, PagesGetTheirPolicy) {
  const std::string text = WriteHead({}, {{"content-type", "text/html; charset=utf-8"}, {"cache-control", "no-cache"}});
  for (const char* line : {"content-security-policy: default-src 'none'", "cross-origin-opener-policy: same-origin\r\n",
                           "cross-origin-embedder-policy: require-corp\r\n", "cache-control: no-cache\r\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("no-store")));
}

TEST(AnswerHead, NobodyWritesLinesOfTheirOwn) {
  HeadFacts facts;
  facts.closes = true;
  const std::string text = WriteHead(
      facts, {{"x-a", "b\r\nx-split: 1"}, {"x b", "c"}, {"content-length", "7"}, {"connection", "keep-alive"}});
  EXPECT_THAT(text, Not(HasSubstr("x-split")));
  EXPECT_THAT(text, Not(HasSubstr("x b")));
  EXPECT_THAT(text, Not(HasSubstr("content-length")));
  EXPECT_THAT(text, Not(HasSubstr("keep-alive")));
  EXPECT_THAT(text, HasSubstr("connection: close\r\n"));
}

}  // namespace
}  // namespace thimble::server
