// SPDX-License-Identifier: Apache-2.0
#include "service/kept_answers.h"

#include "service_tools.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace thimble::service {
namespace {

// Takes what it is given as long as the test does not say that it is full.
class Reader final : public AnswerSink {
 public:
  void Begin(int code, std::vector<Header> /*headers*/) override { status = code; }
  void Part(std::string_view bytes) override { body += bytes; }
  void End() override { is_over = true; }
  [[nodiscard]] bool IsFull() const override { return is_full; }

  int status = 0;
  std::string body;
  std::atomic<bool> is_over{false};
  std::atomic<bool> is_full{false};
};

std::string Numbered(std::uint64_t begin, std::uint64_t end) {
  std::string text;
  for (; begin < end; ++begin) text += "data: " + std::to_string(begin) + "\n\n";
  return text;
}

class KeptAnswersTest : public ::testing::Test {
 protected:
  explicit KeptAnswersTest(KeptLimits limits = {.most_bytes = 200, .most_answers = 3, .seconds = 300})
      : kept_(limits, [this] { return now_; }, [this] { ++num_wakes_; }) {}

  std::shared_ptr<KeptAnswer> Add(const std::string& name, RequestId job = 1) {
    auto answer = kept_.Add(name, job);
    EXPECT_TRUE(answer.ok());
    return answer.ok() ? answer.value() : nullptr;
  }
  static void Write(KeptAnswer* answer, std::uint64_t begin, std::uint64_t end) {
    for (; begin < end; ++begin) answer->Part(Numbered(begin, begin + 1));
  }
  std::shared_ptr<Reader> Read(const std::string& name, std::uint64_t from, RequestId id = 7) {
    auto reader = std::make_shared<Reader>();
    const auto read = kept_.Read(name, from, id, reader);
    EXPECT_TRUE(read.ok());
    return reader;
  }
  int Status(const std::string& name, std::uint64_t from) {
    const auto read = kept_.Read(name, from, 9, std::make_shared<Reader>());
    return read.ok() ? 200 : read.error().status;
  }

  double now_ = 1000;
  int num_wakes_ = 0;
  KeptAnswers kept_;
};

TEST_F(KeptAnswersTest, ReadersGetWhatWasAndWhatComes) {
  const auto answer = Add("a");
  const auto first = Read("a", 0, 1);
  EXPECT_EQ(first->status, 0);
  answer->Begin(200, {{"content-type", "text/event-stream"}});
  EXPECT_EQ(first->status, 200);
  Write(answer.get(), 0, 3);
  const auto second = Read("a", 2, 2);
  EXPECT_EQ(second->body, Numbered(2, 3));
  const auto third = Read("a", 3, 3);
  EXPECT_EQ(third->status, 200);
  EXPECT_EQ(third->body, "");
  Write(answer.get(), 3, 5);
  kept_.Leave(1);
  Write(answer.get(), 5, 6);
  answer->End();
  EXPECT_EQ(first->body, Numbered(0, 5));
  EXPECT_FALSE(first->is_over);
  EXPECT_EQ(second->body, Numbered(2, 6));
  EXPECT_EQ(third->body, Numbered(3, 6));
  EXPECT_TRUE(second->is_over && third->is_over);
  const auto late = Read("a", 1);
  EXPECT_EQ(late->body, Numbered(1, 6));
  EXPECT_TRUE(late->is_over);
  EXPECT_EQ(Status("a", 6), 200);
  EXPECT_EQ(Status("a", 7), 400);
  EXPECT_EQ(Status("b", 0), 404);
}

TEST_F(KeptAnswersTest, CommentsAreNotKept) {
  const auto answer = Add("a");
  const auto live = Read("a", 0);
  answer->Begin(200, {});
  answer->Part(": waiting, place 1\n\n");
  Write(answer.get(), 0, 1);
  EXPECT_EQ(live->body, ": waiting, place 1\n\n" + Numbered(0, 1));
  EXPECT_EQ(Read("a", 0)->body, Numbered(0, 1));
}

TEST_F(KeptAnswersTest, TheOldestEventsGoFirst) {
  const auto answer = Add("a");
  answer->Begin(200, {});
  Write(answer.get(), 0, 100);  // the last ones of 10 bytes each
  EXPECT_EQ(Status("a", 0), 410);
  EXPECT_EQ(Status("a", 79), 410);
  EXPECT_EQ(Read("a", 80)->body, Numbered(80, 100));
  answer->Part(std::string(1000, 'x'));
  EXPECT_EQ(Status("a", 99), 410);
  EXPECT_EQ(Read("a", 100)->body, std::string(1000, 'x'));
}

TEST_F(KeptAnswersTest, ASlowReaderHoldsUpNobody) {
  const auto answer = Add("a");
  const auto slow = Read("a", 0, 1);
  const auto quick = Read("a", 0, 2);
  answer->Begin(200, {});
  slow->is_full = true;
  EXPECT_EQ(num_wakes_, 0);
  Write(answer.get(), 0, 4);
  EXPECT_EQ(num_wakes_, 1) << "once, and not for each event";
  EXPECT_LT(kept_.Due(), 1);
  EXPECT_FALSE(answer->IsFull());
  EXPECT_EQ(quick->body, Numbered(0, 4));
  EXPECT_EQ(slow->body, "");
  answer->End();
  EXPECT_TRUE(quick->is_over);
  kept_.Tend();
  EXPECT_EQ(slow->body, "");
  slow->is_full = false;
  kept_.Tend();
  EXPECT_EQ(slow->body, Numbered(0, 4));
  EXPECT_TRUE(slow->is_over);
  EXPECT_GT(kept_.Due(), 1);
}

TEST_F(KeptAnswersTest, WhoFallsTooFarBehindIsTold) {
  const auto answer = Add("a");
  const auto slow = Read("a", 0);
  answer->Begin(200, {});
  slow->is_full = true;
  Write(answer.get(), 0, 50);
  slow->is_full = false;
  Write(answer.get(), 50, 51);
  EXPECT_NE(slow->body.find("answer_gap"), std::string::npos);
  EXPECT_TRUE(slow->is_over);
}

TEST_F(KeptAnswersTest, AreForgottenSomeTimeAfterTheirEnd) {
  const auto answer = Add("a");
  answer->Begin(200, {});
  now_ += 10'000;
  EXPECT_EQ(Status("a", 0), 200) << "it runs";
  answer->End();
  now_ += 299;
  EXPECT_EQ(Status("a", 0), 200);
  EXPECT_LE(kept_.Due(), 1);
  now_ += 2;
  kept_.Tend();
  EXPECT_EQ(Status("a", 0), 404);
  EXPECT_FALSE(kept_.JobOf("a").ok());
}

TEST_F(KeptAnswersTest, ANameIsTakenWhileItsAnswerRuns) {
  const auto answer = Add("a", 5);
  answer->Begin(200, {});
  EXPECT_EQ(kept_.Add("a", 6).error().status, 409);
  EXPECT_EQ(kept_.JobOf("a").value(), std::optional<RequestId>(5));
  Write(answer.get(), 0, 1);
  answer->End();
  EXPECT_EQ(kept_.JobOf("a").value(), std::nullopt);
  const auto next = Add("a", 6);
  next->Begin(200, {});
  EXPECT_EQ(Read("a", 0)->body, "") << "the new one";
}

TEST_F(KeptAnswersTest, ThoseThatEndedFirstMakeRoom) {
  std::vector<std::shared_ptr<KeptAnswer>> answers;
  for (const char* name : {"a", "b", "c"}) {
    answers.push_back(Add(name));
    answers.back()->Begin(200, {});
  }
  EXPECT_EQ(kept_.Add("d", 1).error().status, 429);
  answers[1]->End();
  ++now_;
  answers[0]->End();
  Add("d");
  EXPECT_EQ(Status("b", 0), 404);
  EXPECT_EQ(Status("a", 0), 200);
  EXPECT_EQ(Status("c", 0), 200);
}

TEST_F(KeptAnswersTest, RefusalsAreGivenAndNotKept) {
  const auto answer = Add("a");
  const auto reader = Read("a", 0);
  answer->Begin(400, {{"content-type", "application/json"}});
  answer->Part("{}");
  answer->End();
  EXPECT_EQ(reader->status, 400);
  EXPECT_EQ(reader->body, "{}");
  EXPECT_TRUE(reader->is_over);
  EXPECT_EQ(Status("a", 0), 404);
}

TEST_F(KeptAnswersTest, Names) {
  EXPECT_TRUE(KeptAnswers::IsName("a"));
  EXPECT_TRUE(KeptAnswers::IsName(std::string(128, '~')));
  for (const std::string& name : {std::string(), std::string(129, 'a'), std::string("a b"), std::string("\x80")})
    EXPECT_FALSE(KeptAnswers::IsName(name)) << name;
}

class ManyReadersTest : public KeptAnswersTest {
 protected:
  ManyReadersTest() : KeptAnswersTest({.most_bytes = 1 << 20, .most_answers = 3, .seconds = 300}) {}
};

// Readers come, lag and go on other threads while one writes: each has every event once, in order.
TEST_F(ManyReadersTest, FromSeveralThreads) {
  constexpr std::uint64_t kEvents = 500;
  const auto answer = Add("a");
  answer->Begin(200, {});
  std::thread writer([&] {
    Write(answer.get(), 0, kEvents);
    answer->End();
  });
  std::atomic<bool> is_done{false};
  std::thread tender([&] {
    while (!is_done) {
      kept_.Tend();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  std::vector<std::thread> threads;
  for (RequestId id = 1; id <= 3; ++id) {
    threads.emplace_back([&, id] {
      auto reader = std::make_shared<Reader>();
      EXPECT_TRUE(kept_.Read("a", 0, id, reader).ok());
      for (int i = 0; i < 1000; ++i) {
        reader->is_full = i % 2 == 0;
        std::this_thread::yield();
      }
      reader->is_full = false;
      while (!reader->is_over) std::this_thread::yield();
      EXPECT_EQ(reader->body, Numbered(0, kEvents));
    });
  }
  for (std::thread& thread : threads) thread.join();
  is_done = true;
  tender.join();
  writer.join();
}

}  // namespace
}  // namespace thimble::service
