// SPDX-License-Identifier: Apache-2.0
#include "sys/background.h"

#include <gtest/gtest.h>

#include <new>
#include <vector>

namespace thimble {
namespace {

TEST(Background, WaitingShowsWhatWasDone) {
  std::vector<int> seen;
  Background work([&seen] {
    for (int i = 0; i < 1000; ++i) seen.push_back(i);
  });
  work.Wait();
  ASSERT_EQ(seen.size(), 1000u);
  EXPECT_EQ(seen.back(), 999);
  work.Wait();
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Background, TheDestructorWaits) {
  int done = 0;
  {
    const Background work([&done] { done = 7; });
  }
  EXPECT_EQ(done, 7);
}

TEST(Background, WhatTheWorkThrowsIsThrownToWhoWaits) {
  Background work([] { throw std::bad_alloc(); });
  EXPECT_THROW(work.Wait(), std::bad_alloc);
  work.Wait();  // said once
  {
    const Background unheard([] { throw std::bad_alloc(); });
  }
}

}  // namespace
}  // namespace thimble
