// SPDX-License-Identifier: Apache-2.0
// Several sessions of one engine at the same time, each as it would be alone, bit for bit. Small enough for the thread
// sanitizer, which scripts/test tsan runs these with.
#include "session_tools.h"
#include "state_bits.h"
#include "talk/conversation.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace thimble::testing {
namespace {

constexpr int kContext = 1024;

struct Said {
  std::vector<std::int32_t> ids;
  std::uint64_t bits = 0;
  bool operator==(const Said&) const = default;
};
Said Say(Session* session, const GenerateRequest& request, const Sink& sink = {}) {
  Said said;
  said.ids = Get(session->Generate(request, sink)).ids;
  said.bits = StateBits(*session);
  return said;
}

std::string Words(int count) {
  std::string words;
  for (int i = 0; i < count; ++i) words += "word " + std::to_string(i % 13) + " ";
  return words;
}

// A long prompt, a picture, a long answer, a short question: one that reads, one that encodes, two that write.
std::vector<GenerateRequest> Requests() {
  std::vector<GenerateRequest> requests = {Ask(Words(90), 6), Ask("", 8), Ask("Tell me everything.", 40), Ask("?", 12)};
  requests[1].chat().messages = {UserMessage("What is this?", "rgb.png")};
  requests[1].pictures.push_back(LoadImage("rgb.png"));
  return requests;
}

void RunAtOnce(std::size_t count, const std::function<void(std::size_t)>& body) {
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < count; ++i) threads.emplace_back(body, i);
  body(0);
  for (std::thread& thread : threads) thread.join();
}

class SessionsTogether : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SessionsTogether, AnswerAsEachWouldAlone) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, kContext);
  const std::vector<GenerateRequest> requests = Requests();
  std::vector<Said> alone;
  for (const GenerateRequest& request : requests) alone.push_back(Say(NewSession(engine).get(), request));
  for (std::size_t round = 0; round < 2; ++round) {
    std::vector<Said> together(GetParam());
    // With two of them: other pairs in each round.
    const auto which = [&](std::size_t i) { return (i + 2 * round) % requests.size(); };
    RunAtOnce(GetParam(), [&](std::size_t i) { together[i] = Say(NewSession(engine).get(), requests[which(i)]); });
    for (std::size_t i = 0; i < GetParam(); ++i) EXPECT_EQ(together[i], alone[which(i)]) << i << ", round " << round;
  }
}

TEST_P(SessionsTogether, HaveConversationsWhoseWindowsMove) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, 192);
  const auto talk = [&](std::size_t i) {
    GenerateRequest how = Ask("", 5);
    how.detail = Detail::kAuto;
    Conversation conversation(engine, NewSession(engine), how, "", WhenFull::kWindow);
    for (int turn = 0; turn < 5; ++turn) {
      std::vector<Attachment> attached;
      if (turn == static_cast<int>(i)) attached.push_back({"rgb.png", LoadImage("rgb.png")});
      Get(conversation.Ask(Words(10 + turn + static_cast<int>(i)), &attached, {}));
    }
    Get(conversation.Edit(5, "again", {}));
    EXPECT_GT(conversation.num_left_out(), 0U);
    return conversation.Save().Dump(Json::Style::kCompact);
  };
  std::vector<std::string> alone;
  for (std::size_t i = 0; i < GetParam(); ++i) alone.push_back(talk(i));
  std::vector<std::string> together(GetParam());
  RunAtOnce(GetParam(), [&](std::size_t i) { together[i] = talk(i); });
  EXPECT_EQ(together, alone);
}

TEST_P(SessionsTogether, OneThatIsCancelledDoesNotDisturbTheOthers) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, kContext);
  const std::vector<GenerateRequest> requests = Requests();
  const Said wanted = Say(NewSession(engine).get(), requests[2]);
  for (int after = 0; after < 4; ++after) {
    const auto session = NewSession(engine);
    std::atomic<int> events{0};
    RunAtOnce(GetParam(), [&](std::size_t i) {
      if (i > 0) {
        EXPECT_EQ(Say(NewSession(engine).get(), requests[2]), wanted);
        return;
      }
      std::thread canceller([&] {
        while (events.load() < after) std::this_thread::yield();
        session->Cancel();
      });
      const Reply reply = Get(session->Generate(requests[static_cast<std::size_t>(after % 2)], [&](const Event&) {
        ++events;
        return true;
      }));
      events = after;  // it may have ended before
      canceller.join();
      session->ForgetCancel();
      EXPECT_EQ(Say(session.get(), requests[2]), wanted);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Several, SessionsTogether, ::testing::Values(std::size_t{2}, std::size_t{4}),
                         ::testing::PrintToStringParamName());

TEST(SessionsTogetherTest, ComeAndGoWhileOneWrites) {
  const auto engine = OpenModel("models/vl", Precision::kFast, 2, kContext);
  const std::vector<GenerateRequest> requests = Requests();
  const Said wanted = Say(NewSession(engine).get(), requests[2]);
  const auto patches = Get(PatchifyImage(LoadPicture("rgb.png"), engine->config().vision->patches, {}));
  const std::int64_t measured = Get(engine->Measure(requests[1])).pictures.front().tokens;
  std::atomic<bool> is_over{false};
  RunAtOnce(4, [&](std::size_t i) {
    if (i == 0) {
      for (int round = 0; round < 3; ++round) EXPECT_EQ(Say(NewSession(engine).get(), requests[2]), wanted);
      is_over = true;
    }
    while (!is_over) {
      bool is_right = true;
      if (i == 1) is_right = NewSession(engine)->length() == 0;
      if (i == 2) is_right = Get(engine->Measure(requests[1])).pictures.front().tokens == measured;
      if (i == 3) is_right = engine->EmbedPatches(patches).ok();
      EXPECT_TRUE(is_right) << i;
    }
  });
}

// The engine goes with whoever has it last, on whatever thread that is.
TEST(SessionsTogetherTest, TheLastOneTakesTheEngineWithIt) {
  auto engine = OpenModel("models/vl", Precision::kFast, 2, kContext);
  const std::weak_ptr<const Engine> watch = engine;
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < 3; ++i) sessions.push_back(NewSession(engine));
  engine.reset();
  RunAtOnce(3, [&](std::size_t i) {
    Get(sessions[i]->Generate(Ask("hi", 4), kNoSink));
    sessions[i].reset();
  });
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace thimble::testing
