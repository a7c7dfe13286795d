// SPDX-License-Identifier: Apache-2.0
// The vision tower is read when the first picture comes, and given back.
#include "session_tools.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace thimble::testing {
namespace {

GenerateRequest AboutAPicture() {
  GenerateRequest request = Ask("", 6);
  request.chat().messages = {UserMessage("What is this?", "rgb.png")};
  request.pictures.push_back(LoadImage("rgb.png"));
  return request;
}

TEST(Tower, IsReadAtTheFirstPictureAndAgainAfterItWasGivenBack) {
  const auto engine = OpenModel("models/vl", Precision::kFast);
  EXPECT_TRUE(engine->can_see());
  EXPECT_EQ(engine->weights().vision, nullptr);
  const Reply first = Get(NewSession(engine)->Generate(AboutAPicture(), kNoSink));
  EXPECT_EQ(first.stats.pictures_encoded, 1);
  engine->GiveBackTower();
  const Reply again = Get(NewSession(engine)->Generate(AboutAPicture(), kNoSink));
  EXPECT_EQ(again.stats.pictures_encoded, 1);
  EXPECT_EQ(again.ids, first.ids);
  OpenModel("models/text-tied")->GiveBackTower();  // has none
}

TEST(Tower, MayBeGivenBackWhilePicturesAreRead) {
  const auto engine = OpenModel("models/vl", Precision::kFast);
  const Reply wanted = Get(NewSession(engine)->Generate(AboutAPicture(), kNoSink));
  std::atomic<bool> is_over{false};
  std::thread giver([&] {
    while (!is_over) {
      engine->GiveBackTower();
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> askers;
  for (int i = 0; i < 3; ++i) {
    askers.emplace_back(
        [&] { EXPECT_EQ(Get(NewSession(engine)->Generate(AboutAPicture(), kNoSink)).ids, wanted.ids); });
  }
  for (std::thread& asker : askers) asker.join();
  is_over = true;
  giver.join();
}

}  // namespace
}  // namespace thimble::testing
