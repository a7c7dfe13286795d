// SPDX-License-Identifier: Apache-2.0
// Beginnings that sessions share: what is kept and dropped, and that it changes nobody's bits.
#include "engine/prefix_store.h"

#include "session_tools.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

namespace thimble {

namespace testing {
namespace {

class PrefixStoreTest : public ::testing::Test {
 protected:
  // A state that has read as many tokens as there are keys, all of them token `salt`.
  Checkpoint Read(std::size_t count) {
    DecoderState state = model_.NewState();
    for (std::size_t at = 0; at < count; at += 64) Feed(model_, state, RandomIds(64, 1), LogitRows::kNone);
    return Get(state.Save());
  }
  static std::vector<PromptKey> Keys(std::size_t count, std::uint64_t salt) {
    std::vector<PromptKey> keys;
    for (std::size_t i = 0; i < count; ++i) keys.push_back(PromptKey{salt, i});
    return keys;
  }
  LoadedModel model_{Fixture("models/text-tied"), "", Precision::kFast};
};

TEST_F(PrefixStoreTest, FindsTheLongestBeginning) {
  PrefixStore store(std::uint64_t{1} << 30);
  const auto keys = Keys(256, 1);
  store.Keep(std::span(keys).first(64), Read(64));
  store.Keep(std::span(keys).first(192), Read(192));
  EXPECT_EQ(store.Find(keys, 255)->length(), 192);
  EXPECT_EQ(store.Find(keys, 191)->length(), 64);
  EXPECT_FALSE(store.Find(keys, 63).has_value());
  auto other = keys;
  other[100] = PromptKey{7, 7};
  EXPECT_EQ(store.Find(other, 255)->length(), 64);
  other[0] = PromptKey{7, 7};
  EXPECT_FALSE(store.Find(other, 255).has_value());
  EXPECT_FALSE(store.Wants(std::span(keys).first(192), 1));
  EXPECT_TRUE(store.Wants(std::span(keys).first(128), 1));
}

TEST_F(PrefixStoreTest, AShortRequestDoesNotPushOutALongConversation) {
  const auto conversation = Keys(448, 1);
  const Checkpoint long_one = Read(448);
  const Checkpoint short_one = Read(64);
  PrefixStore measure(std::uint64_t{1} << 30);
  measure.Keep(conversation, long_one);
  measure.Keep(Keys(64, 2), short_one);
  PrefixStore store(measure.bytes() + 100);
  store.Keep(conversation, long_one);
  for (std::uint64_t salt = 2; salt < 6; ++salt) {
    store.Keep(Keys(64, salt), short_one);
    EXPECT_TRUE(store.Find(conversation, 448).has_value()) << salt;
    EXPECT_LE(store.bytes(), measure.bytes() + 100);
  }
  // One that nobody comes back to goes in the end.
  int requests = 0;
  const auto is_there = [&] { return !store.Wants(conversation, 1); };
  for (std::uint64_t salt = 10; is_there() && requests < 100; ++salt, ++requests) store.Keep(Keys(64, salt), short_one);
  EXPECT_FALSE(is_there());
  EXPECT_GT(requests, 4);
}

TEST_F(PrefixStoreTest, SmallBeginningsAreCounted) {
  PrefixStore store(std::uint64_t{1} << 40);
  const Checkpoint short_one = Read(64);
  const Checkpoint long_one = Read(128);
  store.Keep(Keys(128, 1), long_one);
  const std::uint64_t most = PrefixStore::kMostEntries + 10;
  for (std::uint64_t salt = 2; salt < most + 2; ++salt) store.Keep(Keys(64, salt), short_one);
  EXPECT_EQ(store.size(), PrefixStore::kMostEntries);
  EXPECT_TRUE(store.Find(Keys(64, most + 1), 64).has_value());  // the newest stays, the oldest goes
  EXPECT_FALSE(store.Find(Keys(64, 2), 64).has_value());
}

TEST_F(PrefixStoreTest, LeavesGoBeforeWhatTheyGoOnFrom) {
  const auto keys = Keys(192, 1);
  PrefixStore store(std::uint64_t{1} << 30);
  for (const std::size_t length : {64U, 128U, 192U}) store.Keep(std::span(keys).first(length), Read(length));
  std::uint64_t bytes = store.bytes();
  for (std::int64_t left = 128; left >= 64; left -= 64) {
    store.SetBudget(bytes - 1);
    ASSERT_TRUE(store.Find(keys, 192).has_value());
    EXPECT_EQ(store.Find(keys, 192)->length(), left);
    bytes = store.bytes();
  }
  store.SetBudget(0);
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.bytes(), 0U);
}

// A conversation of a long system text, read by sessions that find a part of it, all, or nothing.
class SharedBeginnings : public ::testing::Test {
 protected:
  static std::shared_ptr<const Engine> Open(std::uint64_t bytes) {
    host::OpenOptions options;
    options.model = Fixture("models/vl");
    options.precision = Precision::kFast;
    options.threads = 2;
    options.context = 2048;
    options.beginnings_bytes = bytes;
    return Get(host::OpenModel(options));
  }
  static GenerateRequest Question(const std::string& text) {
    GenerateRequest request = Ask("", 8);
    std::string system;
    for (int i = 0; i < 150; ++i) system += "rule " + std::to_string(i * i) + " ";
    Message first = UserMessage(system);
    first.role = "system";
    request.chat().messages = {first, UserMessage("Look at this.", "rgb.png"), UserMessage(text)};
    request.pictures.push_back(LoadImage("rgb.png"));
    return request;
  }
};

TEST_F(SharedBeginnings, ASecondSessionReadsOnlyWhatIsNew) {
  const auto engine = Open(std::uint64_t{1} << 30);
  const Reply first = Get(NewSession(engine)->Generate(Question("What is it?"), kNoSink));
  EXPECT_EQ(first.stats.reused_tokens, 0);
  const Reply second = Get(NewSession(engine)->Generate(Question("Which colour has it?"), kNoSink));
  EXPECT_GT(second.stats.reused_tokens, first.stats.prompt_tokens - 128);
  EXPECT_EQ(second.stats.reused_tokens % 64, 0);
  EXPECT_EQ(second.stats.pictures_encoded, 0);
  const Reply alone = Get(NewSession(Open(0))->Generate(Question("Which colour has it?"), kNoSink));
  EXPECT_EQ(alone.stats.reused_tokens, 0);
  EXPECT_EQ(second.ids, alone.ids);
}

// Bit for bit: with nothing to share, with all of it, and where the store has room for one beginning only.
TEST_F(SharedBeginnings, WhatTheStoreHoldsChangesNobodysBits) {
  const auto run = [](const std::shared_ptr<const Engine>& engine, const std::string& text) {
    GenerateRequest request = Question(text);
    request.max_tokens = 40;
    request.sampling.temperature = 1.7;  // draws that a single bit would change sooner or later
    request.seed = 5;
    return Get(NewSession(engine)->Generate(request, kNoSink));
  };
  const auto none = Open(0);
  const auto all = Open(std::uint64_t{1} << 30);
  const auto probe = run(all, "a");
  ASSERT_EQ(probe.stats.reused_tokens, 0);
  const auto state_bytes = DecoderState::RecurrentBytes(none->config()) / 2;
  const auto few = Open(state_bytes * 3);
  int reused = 0;
  for (const char* text : {"a", "b", "a longer question", "a"}) {
    const Reply wanted = run(none, text);
    EXPECT_EQ(wanted.stats.reused_tokens, 0);
    for (const auto& engine : {all, few}) {
      const Reply got = run(engine, text);
      EXPECT_EQ(got.ids, wanted.ids) << text;
      reused += got.stats.reused_tokens;
    }
  }
  EXPECT_GT(reused, 0);
}

}  // namespace
}  // namespace testing
}  // namespace thimble
