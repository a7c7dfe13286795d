// SPDX-License-Identifier: Apache-2.0
// Conversations whose memory runs out at every place in turn: as they were before, with what was attached.
#include "session_tools.h"
#include "sweep.h"
#include "talk/conversation.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace thimble::testing {
namespace {

class ConversationFaults : public ::testing::Test {
 protected:
  // Nothing is kept of what is read, so that what is in use afterwards is what was.
  void SetUp() override {
    host::OpenOptions options;
    options.model = Fixture("models/vl");
    options.threads = 1;
    options.context = 256;
    options.beginnings_bytes = 0;
    engine_ = Get(host::OpenModel(options));
  }

  Conversation Open() {
    GenerateRequest how = Ask("", 6);
    how.sampling.temperature = 1.0;
    how.seed = 11;
    how.detail = Detail::kAuto;
    return {engine_, NewSession(engine_), how, "Be brief.", WhenFull::kWindow};
  }
  static std::vector<Attachment> Rgb() {
    std::vector<Attachment> attached(1);
    attached[0].source = "rgb.png";
    attached[0].picture = LoadImage("rgb.png");
    return attached;
  }
  static std::string Saved(const Conversation& talk) { return talk.Save().Dump(Json::Style::kPretty); }

  using Begin = std::function<void(Conversation*)>;
  using Step = std::function<Result<Answer>(Conversation*, std::vector<Attachment>*)>;

  // `begin`, then `step` with a fault, then `step` again, then one more question: as without the fault.
  void SweepStep(const std::string& name, const Begin& begin, const Step& step, bool has_picture) {
    std::string before;
    std::string wanted;
    std::string wanted_later;
    const auto go_on = [](Conversation* talk) {
      std::vector<Attachment> none;
      return Get(talk->Ask("Go on.", &none, {})).reply.text;
    };
    for (int warming = 0; warming < 2; ++warming) {
      Conversation talk = Open();
      begin(&talk);
      before = Saved(talk);
      auto attached = has_picture ? Rgb() : std::vector<Attachment>();
      Get(step(&talk, &attached));
      wanted = Saved(talk);
      go_on(&talk);
      wanted_later = Saved(talk);
    }
    const Sweep sweep = SweepFaults(name, [&](std::int64_t index) {
      Conversation talk = Open();
      begin(&talk);
      auto attached = has_picture ? Rgb() : std::vector<Attachment>();
      Arm(Whose::kOwn, index);
      const bool is_refused = [&] {
        const auto answer = step(&talk, &attached);
        Disarm();
        if (!answer.ok()) {
          EXPECT_EQ(answer.error().code, Code::kExhausted) << answer.error().message;
        }
        return !answer.ok();
      }();
      if (is_refused) {
        EXPECT_EQ(Saved(talk), before) << index;
        EXPECT_EQ(attached.size(), has_picture ? 1U : 0U) << index;
        EXPECT_TRUE(!has_picture || attached[0].picture.image.rgb == LoadPicture("rgb.png").rgb) << index;
        const auto again = step(&talk, &attached);
        EXPECT_TRUE(again.ok()) << index;
      }
      EXPECT_EQ(Saved(talk), wanted) << index;
      go_on(&talk);
      EXPECT_EQ(Saved(talk), wanted_later) << index;
      return is_refused;
    });
    EXPECT_GT(sweep.refusals, 20);
  }

  std::shared_ptr<const Engine> engine_;
};

void Say(Conversation* talk, const std::string& text) {
  std::vector<Attachment> none;
  Get(talk->Ask(text, &none, {}));
}
std::string Words(int count) {
  std::string words;
  for (int i = 0; i < count; ++i) words += "word ";
  return words;
}

TEST_F(ConversationFaults, Ask) {
  SweepStep(
      "ask", [](Conversation* talk) { Say(talk, "hello"); },
      [](Conversation* talk, std::vector<Attachment>* attached) { return talk->Ask("What is this?", attached, {}); },
      true);
}

// With exchanges that have to go.
TEST_F(ConversationFaults, AskWhereTheWindowMoves) {
  const std::string question = Words(50);
  SweepStep(
      "ask, window",
      [](Conversation* talk) {
        for (int i = 0; i < 3; ++i) Say(talk, Words(40));
      },
      [&](Conversation* talk, std::vector<Attachment>* attached) { return talk->Ask(question, attached, {}); }, true);
}

TEST_F(ConversationFaults, Edit) {
  SweepStep(
      "edit",
      [](Conversation* talk) {
        std::vector<Attachment> attached = Rgb();
        Get(talk->Ask("What is this?", &attached, {}));
        Say(talk, "And now?");
      },
      [](Conversation* talk, std::vector<Attachment>* /*attached*/) { return talk->Edit(1, "Who is this?", {}); },
      false);
}

// Of a question that was left out before.
TEST_F(ConversationFaults, EditBehindTheWindow) {
  SweepStep(
      "edit, window",
      [](Conversation* talk) {
        for (int i = 0; i < 5; ++i) Say(talk, Words(40));
      },
      [](Conversation* talk, std::vector<Attachment>* /*attached*/) { return talk->Edit(1, "Something else", {}); },
      false);
}

TEST_F(ConversationFaults, Again) {
  SweepStep(
      "again",
      [](Conversation* talk) {
        std::vector<Attachment> attached = Rgb();
        Get(talk->Ask("What is this?", &attached, {}));
      },
      [](Conversation* talk, std::vector<Attachment>* /*attached*/) { return talk->Again({}); }, false);
}

TEST_F(ConversationFaults, Count) {
  Conversation talk = Open();
  Say(&talk, Words(60));
  std::vector<Attachment> attached = Rgb();
  Get(talk.Ask(Words(20), &attached, {}));
  const std::string before = Saved(talk);
  attached = Rgb();
  const auto used = Get(talk.Count(&attached)).used;
  const Sweep sweep = SweepFaults("count", [&](std::int64_t index) {
    Arm(Whose::kOwn, index);
    auto use = talk.Count(&attached);
    Disarm();
    EXPECT_EQ(attached.size(), 1U) << index;
    EXPECT_EQ(Saved(talk), before) << index;
    if (use.ok()) {
      EXPECT_EQ(use.value().used, used) << index;
      return false;
    }
    EXPECT_EQ(use.error().code, Code::kExhausted) << use.error().message;
    return true;
  });
  EXPECT_GT(sweep.refusals, 20);
}

}  // namespace
}  // namespace thimble::testing
