// SPDX-License-Identifier: Apache-2.0
#include "base/nearest_word.h"

#include <gtest/gtest.h>

#include <vector>

namespace thimble {
namespace {

TEST(Nearest, FindsWhatAFewTypingErrorsTurnIntoTheWord) {
  const std::vector<std::string> words = {"chat", "bench", "import"};
  EXPECT_EQ(Nearest("chatt", words), "chat");
  EXPECT_EQ(Nearest("CHAT", words), "chat");
  EXPECT_EQ(Nearest("imprt", words), "import");
  EXPECT_EQ(Nearest("xyzzy", words), "");
  EXPECT_EQ(Nearest("", words), "");
}

TEST(Nearest, LeavesOutWhatIsNoWord) {
  const std::vector<std::string> words = {std::string(200, 'a'), "b"};
  EXPECT_EQ(Nearest(std::string(129, 'a'), words), "");
  EXPECT_EQ(Nearest("a", words), "b");
}

}  // namespace
}  // namespace thimble
