// SPDX-License-Identifier: Apache-2.0
// A model that is read from sources which are no files, each of whose reads fails in turn: the source's own error, and
// all as before.
#include "base/buffer.h"
#include "base/no_memory.h"
#include "engine/model_files.h"
#include "session_tools.h"
#include "state_bits.h"
#include "sweep.h"
#include "sys/byte_source.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace thimble::testing {
namespace {

// A file's bytes, copied for each who asks; a read can be made to fail as an allocation can.
class FailingSource : public ByteSource {
 public:
  explicit FailingSource(std::shared_ptr<const ByteSource> whole) : whole_(std::move(whole)) {}
  [[nodiscard]] std::uint64_t size() const override { return whole_->size(); }
  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    if (ReadMustFail()) return Error{Code::kSystem, "[source] the page gave no bytes"};
    THIMBLE_ASSIGN_OR_RETURN(const Bytes from, whole_->View(offset, size));
    THIMBLE_ASSIGN_OR_RETURN(auto copy, Buffer<std::byte>::Create(from.size()));
    if (!from.empty()) std::memcpy(copy.data(), from.data(), from.size());
    return Bytes::Owned(std::move(copy));
  }

 private:
  std::shared_ptr<const ByteSource> whole_;
};

std::shared_ptr<const ByteSource> Source(const std::string& path) {
  return std::make_shared<const FailingSource>(Get(MapFile(Fixture(path))));
}

// Sources are made once, so that what fails is what the engine asks them for.
struct Sources {
  std::shared_ptr<const ByteSource> text = Source("gguf/vl-q8_0.gguf");
  std::shared_ptr<const ByteSource> vision = Source("gguf/mmproj-vl-q8_0.gguf");

  [[nodiscard]] Result<std::shared_ptr<const Engine>> Open(int threads) const {
    return ExhaustedIfNoMemory([&]() -> Result<std::shared_ptr<const Engine>> {
      ModelFiles files;
      THIMBLE_ASSIGN_OR_RETURN(auto model, ModelFile::FromGguf(text, "the model"));
      files.text = std::make_shared<const ModelFile>(std::move(model));
      THIMBLE_ASSIGN_OR_RETURN(auto tower, ModelFile::FromGguf(vision, "the tower"));
      files.vision = std::make_shared<const ModelFile>(std::move(tower));
      EngineOptions options;
      options.threads = threads;
      options.context = 512;
      return Engine::Open(files, options);
    });
  }
};

GenerateRequest Question() {
  GenerateRequest request = Ask("", 6);
  request.chat().messages = {UserMessage("What is this?", "rgb.png")};
  request.pictures.push_back(LoadImage("rgb.png"));
  return request;
}

std::pair<std::vector<std::int32_t>, std::uint64_t> Say(Session* session) {
  auto ids = Get(session->Generate(Question(), kNoSink)).ids;
  return {std::move(ids), StateBits(*session)};
}

class SourceFaults : public ::testing::Test {
 protected:
  SourceFaults() {
    for (int warming = 0; warming < 2; ++warming) wanted_ = Say(NewSession(Get(sources_.Open(1))).get());
  }
  // An error of memory, or the source's own with the name of what was read.
  void ExpectClear(const Error& error, std::int64_t index) {
    const bool is_read =
        error.code == Code::kSystem && error.message.find("the page gave no bytes") != std::string::npos;
    EXPECT_TRUE(is_read || error.code == Code::kExhausted) << index << ": " << error.message;
    if (is_read) {
      EXPECT_TRUE(error.message.find("the model") == 0 || error.message.find("the tower") == 0)
          << index << ": " << error.message;
    }
    num_reads_ += is_read ? 1 : 0;
  }
  void SweepOpening(const std::string& name, Whose whose, int threads) {
    SweepFaults(name, [&](std::int64_t index) {
      Arm(whose, index);
      auto engine = sources_.Open(threads);
      Disarm();
      if (!engine.ok()) {
        ExpectClear(engine.error(), index);
        return true;
      }
      EXPECT_EQ(Say(NewSession(engine.value()).get()), wanted_) << "another model, after fault " << index;
      return false;
    });
  }

  const Sources sources_;
  std::pair<std::vector<std::int32_t>, std::uint64_t> wanted_;
  int num_reads_ = 0;
};

TEST_F(SourceFaults, Opening) {
  SweepOpening("opening from sources", Whose::kOwn, 1);
  EXPECT_GT(num_reads_, 3);
}

TEST_F(SourceFaults, OpeningOnOtherThreads) { SweepOpening("opening from sources, other threads", Whose::kOthers, 3); }

// The tower is read when the first picture comes, in the middle of a turn.
TEST_F(SourceFaults, AnsweringTheFirstPicture) {
  const GenerateRequest question = Question();
  SweepFaults("first picture", [&](std::int64_t index) {
    const auto engine = Get(sources_.Open(1));
    const auto session = NewSession(engine);
    Arm(Whose::kOwn, index);
    auto reply = session->Generate(question, kNoSink);
    Disarm();
    if (!reply.ok()) ExpectClear(reply.error(), index);
    EXPECT_EQ(Say(session.get()), wanted_) << index;
    return !reply.ok();
  });
}

}  // namespace
}  // namespace thimble::testing
