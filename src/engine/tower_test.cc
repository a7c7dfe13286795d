// SPDX-License-Identifier: Apache-2.0
// The vision tower is read when the first picture comes, and given back.
#include "session_tools.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace thimble::testing {
namespace {

GenerateRequest About(const std::string& picture) {
  GenerateRequest request = Ask("", 6);
  request.chat().messages = {UserMessage("What is this?", picture)};
  request.pictures.push_back(LoadImage(picture));
  return request;
}

// One whose album holds the last picture only, so that any other one needs the tower.
std::shared_ptr<const Engine> OpenForgetful() {
  host::OpenOptions options;
  options.model = Fixture("models/vl");
  options.threads = 2;
  options.album_bytes = 0;
  return Get(host::OpenModel(options));
}

Reply Answer(const std::shared_ptr<const Engine>& engine, const std::string& picture) {
  return Get(NewSession(engine)->Generate(About(picture), kNoSink));
}

TEST(Tower, IsReadAtTheFirstPictureAndAgainAfterItWasGivenBack) {
  const auto engine = OpenForgetful();
  EXPECT_TRUE(engine->can_see());
  EXPECT_EQ(engine->weights().vision, nullptr);
  const Reply first = Answer(engine, "rgb.png");
  EXPECT_EQ(first.stats.pictures_encoded, 1);
  EXPECT_EQ(Answer(engine, "exact64.png").stats.pictures_encoded, 1);
  engine->GiveBackTower();
  const Reply again = Answer(engine, "rgb.png");
  EXPECT_EQ(again.stats.pictures_encoded, 1);
  EXPECT_EQ(again.ids, first.ids);
  OpenModel("models/text-tied")->GiveBackTower();  // has none
}

TEST(Tower, MayBeGivenBackWhilePicturesAreRead) {
  const auto engine = OpenForgetful();
  const std::vector<std::string> names = {"rgb.png", "exact64.png", "tall.png"};
  std::vector<Reply> wanted;
  wanted.reserve(names.size());
  for (const std::string& name : names) wanted.push_back(Answer(engine, name));
  std::atomic<bool> is_over{false};
  std::atomic<int> encoded{0};
  std::thread giver([&] {
    while (!is_over) {
      engine->GiveBackTower();
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> askers;
  for (std::size_t i = 0; i < names.size(); ++i) {
    askers.emplace_back([&, i] {
      for (int round = 0; round < 3; ++round) {
        const Reply reply = Answer(engine, names[i]);
        EXPECT_EQ(reply.ids, wanted[i].ids);
        encoded += reply.stats.pictures_encoded;
      }
    });
  }
  for (std::thread& asker : askers) asker.join();
  is_over = true;
  giver.join();
  EXPECT_GT(encoded, 0);
}

}  // namespace
}  // namespace thimble::testing
