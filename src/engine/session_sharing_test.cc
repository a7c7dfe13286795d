// SPDX-License-Identifier: Apache-2.0
// Sessions of one engine beside each other, cancelling at any moment, and what a session remembers when a conversation
// changes.
#include "engine/session_memory.h"
#include "session_tools.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace thimble {

class SessionInspector {
 public:
  static Session::Memory& MemoryOf(Session* session) { return *session->memory_; }
};

namespace testing {
namespace {

GenerateRequest LongQuestion(int num_words, int max_tokens = 4) {
  std::string words;
  for (int i = 0; i < num_words; ++i) words += "word " + std::to_string(i % 17) + " ";
  return Ask(words, max_tokens);
}

void Answered(const std::string& question, const std::string& answer, Chat* chat) {
  chat->messages.push_back(UserMessage(question));
  chat->messages.push_back({"assistant", {{Part::Kind::kText, answer, ""}}, false, {}, {}});
}

TEST(Session, TwoSessionsGenerateAtOnceAsTheyWouldAlone) {
  const auto engine = OpenModel("gguf/text-tied-q8_0.gguf", Precision::kFast);
  const GenerateRequest one = LongQuestion(120, 40);
  const GenerateRequest two = Ask("Something else?", 60);
  const Reply first = Get(NewSession(engine)->Generate(one, kNoSink));
  const Reply second = Get(NewSession(engine)->Generate(two, kNoSink));
  for (int round = 0; round < 3; ++round) {
    std::vector<std::int32_t> ids[2];
    std::thread other([&] { ids[1] = Get(NewSession(engine)->Generate(two, kNoSink)).ids; });
    ids[0] = Get(NewSession(engine)->Generate(one, [](const Event&) { return true; })).ids;
    other.join();
    EXPECT_EQ(ids[0], first.ids);
    EXPECT_EQ(ids[1], second.ids);
  }
}

TEST(Session, AListenerMayUseOtherSessions) {
  const auto engine = OpenModel("models/vl");
  const GenerateRequest outer_request = LongQuestion(90, 6);
  const GenerateRequest inner_request = Ask("inside", 5);
  const Reply outer = Get(NewSession(engine)->Generate(outer_request, kNoSink));
  const Reply inner = Get(NewSession(engine)->Generate(inner_request, kNoSink));
  const auto patches = Get(PatchifyImage(LoadPicture("rgb.png"), engine->config().vision->patches, {}));
  const auto session = NewSession(engine);
  const auto helper = NewSession(engine);
  int calls = 0;
  const Reply reply = Get(session->Generate(outer_request, [&](const Event&) {
    ++calls;
    helper->Clear();
    EXPECT_EQ(Get(helper->Generate(inner_request, kNoSink)).ids, inner.ids);
    EXPECT_TRUE(engine->EmbedPatches(patches).ok());
    const auto itself = session->Generate(inner_request, kNoSink);  // would change what it is about to go on with
    EXPECT_FALSE(itself.ok());
    return true;
  }));
  EXPECT_GT(calls, 4);
  EXPECT_EQ(reply.ids, outer.ids);
  // Rows of Evaluate lie where the engine computes: there a listener is refused and does not wait for itself.
  Get(session->Evaluate(inner_request, LogitRows::kLast, [&](int, std::span<const float>) {
    const auto refused = helper->Generate(inner_request, kNoSink);
    EXPECT_FALSE(refused.ok());
    EXPECT_EQ(refused.ok() ? Code::kSystem : refused.error().code, Code::kInvalid);
    return true;
  }));
  EXPECT_EQ(Get(helper->Generate(inner_request, kNoSink)).ids, inner.ids);
}

TEST(Session, CancellingBeforeTheStartCounts) {
  const auto session = NewSession(OpenModel("models/vl"));
  const Reply wanted = Get(session->Generate(Ask("hi", 5), kNoSink));
  session->Cancel();
  const Reply none = Get(session->Generate(Ask("hi", 5), kNoSink));
  EXPECT_EQ(none.finish_reason, FinishReason::kCancelled);
  EXPECT_TRUE(none.ids.empty());
  EXPECT_EQ(Get(session->Generate(Ask("hi", 5), kNoSink)).ids, wanted.ids);  // only one
  session->Cancel();
  session->ForgetCancel();
  EXPECT_EQ(Get(session->Generate(Ask("hi", 5), kNoSink)).ids, wanted.ids);
}

TEST(Session, CancellingCountsWhileAnotherHasTheEngine) {
  const auto engine = OpenModel("models/vl");
  const auto waiting = NewSession(engine);
  const auto holder = NewSession(engine);
  std::atomic<bool> is_held{false};
  std::atomic<bool> may_end{false};
  std::thread holding([&] {
    Get(holder->Evaluate(Ask("hi"), LogitRows::kLast, [&](int, std::span<const float>) {
      is_held = true;
      while (!may_end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return true;
    }));
  });
  while (!is_held) std::this_thread::yield();
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    waiting->Cancel();
  });
  // Returns although the other one goes on; hangs, and so fails, if it waited for it.
  const Reply reply = Get(waiting->Generate(Ask("hi"), kNoSink));
  EXPECT_EQ(reply.finish_reason, FinishReason::kCancelled);
  EXPECT_FALSE(may_end);
  may_end = true;
  canceller.join();
  holding.join();
}

TEST(Session, CancelledInTheMiddleOfAPassItIsAsBefore) {
  host::OpenOptions options;
  options.model = Fixture("models/vl");
  options.threads = 2;
  options.context = 4096;
  options.beginnings_bytes = 0;  // what others have read would leave too little to be cancelled in
  const auto engine = Get(host::OpenModel(options));
  GenerateRequest request = LongQuestion(300, 5);
  request.chat().messages.push_back(UserMessage("And this?", "rgb.png"));
  request.pictures.push_back(LoadImage("rgb.png"));
  const Reply wanted = Get(NewSession(engine)->Generate(request, kNoSink));
  const auto session = NewSession(engine);
  int cut = 0;
  for (int round = 0; round < 40; ++round) {
    std::atomic<bool> has_begun{false};
    std::thread canceller([&] {
      while (!has_begun) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::microseconds(round * 97 % 4000));
      session->Cancel();
    });
    const Reply reply = Get(session->Generate(request, [&](const Event&) {
      has_begun = true;
      return true;
    }));
    canceller.join();
    session->ForgetCancel();
    cut += reply.finish_reason == FinishReason::kCancelled ? 1 : 0;
    if (round % 3 == 0) session->Clear();
    EXPECT_EQ(Get(session->Generate(request, kNoSink)).ids, wanted.ids) << round;
    if (round % 3 == 1) session->Clear();
  }
  EXPECT_GT(cut, 0);
}

TEST(Session, EditingAnOldMessageGoesBackToACheckpointAndToTheStart) {
  const auto engine = OpenModel("models/text-tied");
  const auto session = NewSession(engine);
  GenerateRequest request = Ask("", 4);
  request.chat().messages.clear();
  // More turns than there are checkpoints: the first ones are gone.
  constexpr int kTurns = Session::kMaxCheckpoints + 2;
  for (int turn = 0; turn < kTurns; ++turn) {
    request.chat().messages.push_back(UserMessage("Question " + std::to_string(turn)));
    const Reply reply = Get(session->Generate(request, kNoSink));
    request.chat().messages.push_back({"assistant", {{Part::Kind::kText, reply.text, ""}}, false, {}, {}});
  }
  EXPECT_EQ(SessionInspector::MemoryOf(session.get()).checkpoints.size(),
            static_cast<std::size_t>(Session::kMaxCheckpoints));
  for (const int turn : {kTurns - 1, kTurns - 2, 1, 0}) {
    GenerateRequest edited = request;
    edited.chat().messages.resize(static_cast<std::size_t>(2 * turn));
    edited.chat().messages.push_back(UserMessage("Another question"));
    const Reply reply = Get(session->Generate(edited, kNoSink));
    const Reply fresh = Get(NewSession(engine)->Generate(edited, kNoSink));
    EXPECT_EQ(reply.prompt_ids, fresh.prompt_ids) << turn;
    EXPECT_EQ(reply.ids, fresh.ids) << turn;
    if (turn == kTurns - 1) {
      EXPECT_GT(reply.stats.reused_tokens, 0);
    }
    if (turn == 0) {
      EXPECT_EQ(reply.stats.reused_tokens, 0);
    }
  }
}

TEST(Session, PicturesAreEncodedOnceForAllSessions) {
  const auto engine = OpenModel("models/vl");
  const auto session = NewSession(engine);
  GenerateRequest request = Ask("", 3);
  request.chat().messages.clear();
  for (int i = 0; i < 3; ++i) {
    request.chat().messages.push_back(UserMessage("Picture " + std::to_string(i), "rgb.png"));
    Picture picture = LoadImage("rgb.png");
    picture.image.rgb[0] = static_cast<std::uint8_t>(i);
    request.pictures.push_back(std::move(picture));
  }
  const Reply wanted = Get(session->Generate(request, kNoSink));
  EXPECT_EQ(wanted.stats.pictures_encoded, 3);
  session->Clear();
  EXPECT_EQ(Get(session->Generate(request, kNoSink)).stats.pictures_encoded, 0);
  // Nor does another session, which gets the same.
  const Reply other = Get(NewSession(engine)->Generate(request, kNoSink));
  EXPECT_EQ(other.stats.pictures_encoded, 0);
  EXPECT_EQ(other.ids, wanted.ids);
}

// The template drops the reasoning of earlier turns: what was remembered of them cannot be kept beyond it.
TEST(Session, AnAnswerThatIsToldDifferentlyIsReadAgain) {
  const auto engine = OpenModel("models/text-tied");
  const auto session = NewSession(engine);
  GenerateRequest request = Ask("one", 6);
  Get(session->Generate(request, kNoSink));
  request.chat().messages.clear();
  Answered("one", "not what was said", &request.chat());
  request.chat().messages.push_back(UserMessage("two"));
  EXPECT_EQ(Get(session->Generate(request, kNoSink)).ids, Get(NewSession(engine)->Generate(request, kNoSink)).ids);
}

}  // namespace
}  // namespace testing
}  // namespace thimble
