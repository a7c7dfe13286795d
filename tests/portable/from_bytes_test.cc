// SPDX-License-Identifier: Apache-2.0
// A model opened from bytes that no path leads to and that are read in pieces, as a browser's storage gives them,
// answers as one opened by its path. Built for every system.
#include "session_tools.h"
#include "sources.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace thimble::testing {
namespace {

std::shared_ptr<const ModelFile> InPieces(const std::string& path, const std::shared_ptr<ViewLog>& log) {
  return std::make_shared<const ModelFile>(
      Get(ModelFile::FromGguf(Copying(Get(MapFile(Fixture(path))), log), "a model of the page's")));
}

EngineOptions Options() {
  EngineOptions options;
  options.threads = 2;
  options.context = 512;
  return options;
}

Reply AnswerOf(const std::shared_ptr<const Engine>& engine, const std::string& picture) {
  GenerateRequest request = Ask("What is this?", 8);
  if (!picture.empty()) {
    request.chat().messages = {UserMessage("What is this?", picture)};
    request.pictures.push_back(LoadImage(picture));
  }
  return Get(NewSession(engine)->Generate(request, kNoSink));
}

TEST(FromBytes, AModelAnswersAsByItsPath) {
  const auto log = std::make_shared<ViewLog>();
  ModelFiles files;
  files.text = InPieces("gguf/vl-q8_0.gguf", log);
  files.vision = InPieces("gguf/mmproj-vl-f16.gguf", log);
  const auto engine = Get(Engine::Open(files, Options()));
  ASSERT_TRUE(engine->can_see()) << engine->why_blind();
  EXPECT_GT(log->views, 0);

  host::OpenOptions by_path;
  static_cast<EngineOptions&>(by_path) = Options();
  by_path.model = Fixture("gguf/vl-q8_0.gguf");
  by_path.mmproj = Fixture("gguf/mmproj-vl-f16.gguf");
  const auto other = Get(host::OpenModel(by_path));
  EXPECT_EQ(AnswerOf(engine, "").ids, AnswerOf(other, "").ids);
  if (!CanLoadPicture("rgb.png")) return;  // a build without codecs: its carriers decode
  const Reply seen = AnswerOf(engine, "rgb.png");
  EXPECT_EQ(seen.ids, AnswerOf(other, "rgb.png").ids);
  EXPECT_EQ(seen.stats.pictures_encoded, 1);
}

TEST(FromBytes, AReadThatFailsIsAnErrorAndTheNextOpeningWorks) {
  const auto log = std::make_shared<ViewLog>();
  ModelFiles files;
  files.text = InPieces("gguf/text-tied-q8_0.gguf", log);
  log->fails_from = log->views + 5;
  log->fails_once = true;
  const auto failed = Engine::Open(files, Options());
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, Code::kSystem) << failed.error().message;
  const auto engine = Get(Engine::Open(files, Options()));
  EXPECT_EQ(AnswerOf(engine, "").ids,
            AnswerOf(OpenModel("gguf/text-tied-q8_0.gguf", Precision::kFast, 2, 512), "").ids);
}

}  // namespace
}  // namespace thimble::testing
