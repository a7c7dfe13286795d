// SPDX-License-Identifier: Apache-2.0
// Memory that runs out and reads that fail, at every place in turn: an error in one sentence, nothing left behind, and
// an engine, a session and a conversation that go on as if nothing had happened.
#include "base/buffer.h"
#include "base/no_memory.h"
#include "base/text.h"
#include "session_tools.h"
#include "state_bits.h"
#include "sweep.h"
#include "sys/byte_source.h"
#include "sys/folder.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace thimble::testing {
namespace {

// Allocations and reads of `body`.
template <typename Body>
std::int64_t EventsOf(const Body& body) {
  Arm(Whose::kOwn, -1);
  body();
  return Disarm();
}

TEST(FaultInjector, CountsEveryKindAndWhatIsInUse) {
  EXPECT_EQ(EventsOf([] { ::operator delete(::operator new(8)); }), 1);
  EXPECT_EQ(EventsOf([] { (void)Buffer<float>::Create(10); }), 1);
  EXPECT_EQ(EventsOf([] { (void)Buffer<float>::Create(1 << 20); }), 1);
  const InUse before = CountInUse();
  auto small = Buffer<float>::Create(10);
  auto large = Buffer<float>::Create(1 << 20);
  InUse during = CountInUse();
  EXPECT_EQ(during.blocks, before.blocks + 1);
  EXPECT_GE(during.mapped_bytes, before.mapped_bytes + (4 << 20));
  small = Buffer<float>();
  large = Buffer<float>();
  auto file = MapFile(Fixture("gguf/types.json"));
  during = CountInUse();
  file = std::shared_ptr<const ByteSource>();
  const InUse after = CountInUse();
  EXPECT_GT(during.mapped_bytes, before.mapped_bytes);
  EXPECT_EQ(after.mapped_bytes, before.mapped_bytes);
  EXPECT_EQ(after.blocks, before.blocks);
  EXPECT_EQ(after.handles, before.handles);
}

TEST(FaultInjector, FailsBuffersAndReads) {
  for (const std::size_t size : {std::size_t{10}, std::size_t{1} << 20}) {
    Arm(Whose::kOwn, 0);
    const auto none = Buffer<float>::Create(size);
    Disarm();
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().code, Code::kExhausted);
  }
  const std::string file = Fixture("gguf/types.json");
  const std::string folder = Fixture("gguf");
  const auto sweep_one = [](const auto& call) {
    int num_system = 0;
    for (std::int64_t index = 0;; ++index) {
      Arm(Whose::kOwn, index);
      const auto result = ExhaustedIfNoMemory(call);
      Disarm();
      if (!HasFailed()) return num_system;
      num_system += !result.ok() && result.error().code == Code::kSystem ? 1 : 0;
    }
  };
  EXPECT_GE(sweep_one([&] { return ReadFile(file, 1 << 20); }), 2);  // opening, reading
  EXPECT_GE(sweep_one([&] { return MapFile(file); }), 1);            // opening
  EXPECT_GE(sweep_one([&] { return NamesInFolder(folder); }), 1);
}

GenerateRequest How() {
  GenerateRequest how = Ask("", 6);
  how.prompt = Chat();
  // As the model's files say, so not the most probable token each time: ids then depend on more of the logits.
  how.sampling.temperature.reset();
  how.seed = 11;
  return how;
}
GenerateRequest FirstTurn() {
  GenerateRequest request = How();
  request.chat().messages = {UserMessage("What is this?", "rgb.png")};
  request.pictures.push_back(LoadImage("rgb.png"));
  return request;
}
GenerateRequest NextTurn(GenerateRequest request, const Reply& reply, const std::string& question) {
  request.chat().messages.push_back({"assistant", {{Part::Kind::kText, reply.text, ""}}, false, {}, {}});
  request.chat().messages.push_back(UserMessage(question));
  return request;
}

// A sentence that says where and what, or the word for which not even that had room.
void ExpectClear(const Error& error, std::int64_t index) {
  EXPECT_TRUE(error.code == Code::kExhausted || error.code == Code::kSystem)
      << index << ": " << static_cast<int>(error.code) << ", " << error.message;
  EXPECT_TRUE(error.message == "out of memory" || error.message.find("] ") != std::string::npos)
      << index << ": " << error.message;
}

struct Said {
  std::vector<std::int32_t> ids;
  std::uint64_t bits = 0;
  bool operator==(const Said&) const = default;
};
Said Say(Session* session, const GenerateRequest& request) {
  Said said;
  said.ids = Get(session->Generate(request, kNoSink)).ids;
  said.bits = StateBits(*session);
  return said;
}

// What only some of a model's files tell.
std::string TraitsOf(const Engine& engine) {
  const PixelLimits& pixels = engine.pixel_limits();
  const VideoLimits& videos = engine.video_limits();
  std::string traits = Cat(pixels.min_pixels, " ", pixels.max_pixels, " ", videos.min_pixels, " ", videos.max_pixels,
                           " ", engine.can_see(), " ", TemplateName(engine.chat_template().variant), " ",
                           engine.chat_template().is_known, " ", engine.tokenizer().num_ids());
  for (const std::string& warning : engine.warnings()) traits += Cat("; ", warning);
  return traits;
}

class Models : public ::testing::TestWithParam<const char*> {
 protected:
  static host::OpenOptions Options(int threads) {
    host::OpenOptions options;
    const std::string path = GetParam();
    options.model = Fixture(path);
    if (path == "gguf/vl-q8_0.gguf") options.mmproj = Fixture("gguf/mmproj-vl-q8_0.gguf");
    options.threads = threads;
    options.context = 512;
    return options;
  }
  // One that opens in spite of a fault has to be the same model.
  static void SweepOpening(const std::string& name, Whose whose, int threads) {
    const host::OpenOptions options = Options(threads);
    const GenerateRequest request = FirstTurn();
    Said wanted;
    std::string traits;
    for (int warming = 0; warming < 2; ++warming) {
      const auto engine = Get(host::OpenModel(options));
      traits = TraitsOf(*engine);
      wanted = Say(NewSession(engine).get(), request);
    }
    const Sweep sweep = SweepFaults(name, [&](std::int64_t index) {
      Arm(whose, index);
      auto engine = host::OpenModel(options);
      Disarm();
      if (!engine.ok()) {
        ExpectClear(engine.error(), index);
        return true;
      }
      const auto session = Get(engine.value()->NewSession());
      EXPECT_EQ(TraitsOf(*engine.value()), traits) << "another model, after fault " << index;
      EXPECT_EQ(Say(session.get(), request), wanted) << "another model, after fault " << index;
      return false;
    });
    EXPECT_GT(sweep.refusals, 20);
  }
};

TEST_P(Models, Opening) { SweepOpening("opening", Whose::kOwn, 1); }
TEST_P(Models, OpeningOnOtherThreads) { SweepOpening("opening, other threads", Whose::kOthers, 1); }
TEST_P(Models, OpeningWithThreads) { SweepOpening("opening with threads", Whose::kOwn, 3); }

INSTANTIATE_TEST_SUITE_P(Faults, Models, ::testing::Values("models/vl", "gguf/vl-q8_0.gguf"),
                         [](const auto& model) { return CaseName(model.param); });

class Turns : public ::testing::Test {
 protected:
  void SetUp() override { Open(1); }

  void Open(int threads) {
    engine_ = OpenModel("models/vl", Precision::kFast, threads, 512);
    first_ = FirstTurn();
    const auto session = NewSession(engine_);
    const Reply one = Get(session->Generate(first_, kNoSink));
    first_said_ = {one.ids, StateBits(*session)};
    second_ = NextTurn(first_, one, "And why?");
    const Reply two = Get(session->Generate(second_, kNoSink));
    second_said_ = {two.ids, StateBits(*session)};
    third_ = NextTurn(second_, two, "Really?");
    third_said_ = Say(session.get(), third_);
  }

  // `session` answers `request` with a fault, then without one. Whether the fault was an error.
  bool AnswerWithFault(Session* session, const GenerateRequest& request, const Said& wanted, std::int64_t index,
                       Whose whose = Whose::kOwn) {
    Arm(whose, index);
    auto reply = session->Generate(request, kNoSink);
    Disarm();
    if (reply.ok()) {
      EXPECT_EQ((Said{reply.value().ids, StateBits(*session)}), wanted) << index;
      return false;
    }
    ExpectClear(reply.error(), index);
    EXPECT_EQ(Say(session, request), wanted) << index;
    return true;
  }

  std::shared_ptr<const Engine> engine_;
  GenerateRequest first_, second_, third_;
  Said first_said_, second_said_, third_said_;
};

TEST_F(Turns, NewSession) {
  const Sweep sweep = SweepFaults("new session", [&](std::int64_t index) {
    Arm(Whose::kOwn, index);
    auto session = engine_->NewSession();
    Disarm();
    if (session.ok()) {
      EXPECT_EQ(Say(session.value().get(), first_), first_said_);
      return false;
    }
    ExpectClear(session.error(), index);
    return true;
  });
  EXPECT_GT(sweep.refusals, 4);
}

TEST_F(Turns, WithAPicture) {
  const Sweep sweep = SweepFaults("first turn", [&](std::int64_t index) {
    const auto session = NewSession(engine_);
    const bool is_refused = AnswerWithFault(session.get(), first_, first_said_, index);
    // By its words: a checkpoint for which there was no memory has more of it read again, in other passes.
    EXPECT_EQ(Say(session.get(), second_).ids, second_said_.ids) << index;
    return is_refused;
  });
  EXPECT_GT(sweep.refusals, 20);
}

TEST_F(Turns, OneThatGoesOn) {
  const Sweep sweep = SweepFaults("second turn", [&](std::int64_t index) {
    const auto session = NewSession(engine_);
    EXPECT_EQ(Say(session.get(), first_), first_said_);
    const bool is_refused = AnswerWithFault(session.get(), second_, second_said_, index);
    EXPECT_EQ(Say(session.get(), third_).ids, third_said_.ids) << index;
    return is_refused;
  });
  EXPECT_GT(sweep.refusals, 20);
}

// What tasks of a product or of the tower ask for on the pool's other threads, if anything.
TEST_F(Turns, OnThePoolsThreads) {
  Open(3);
  SweepFaults("first turn, other threads", [&](std::int64_t index) {
    const auto session = NewSession(engine_);
    return AnswerWithFault(session.get(), first_, first_said_, index, Whose::kOthers);
  });
}

TEST_F(Turns, ClosingAllocatesNothing) {
  auto session = NewSession(engine_);
  Say(session.get(), first_);
  Arm(Whose::kOwn, -1);
  session.reset();
  engine_.reset();
  EXPECT_EQ(Disarm(), 0);
}

}  // namespace
}  // namespace thimble::testing
