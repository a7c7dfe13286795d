// SPDX-License-Identifier: Apache-2.0
#include "engine/core_choice.h"

#include <gtest/gtest.h>

namespace thimble {
namespace {

// Numbered as phones do: the slowest first.
const CpuTopology kFourAndFour = {{{4, 4, 1.0, {4, 5, 6, 7}}, {4, 4, 0.3, {0, 1, 2, 3}}}, 8};
const CpuTopology kThreeKinds = {{{1, 1, 1.0, {7}}, {3, 3, 0.8, {4, 5, 6}}, {4, 4, 0.25, {0, 1, 2, 3}}}, 8};
const CpuTopology kTwoAndSix = {{{2, 2, 1.0, {6, 7}}, {6, 6, 0.35, {0, 1, 2, 3, 4, 5}}}, 8};
const CpuTopology kTwoAndSixQuick = {{{2, 2, 1.0, {6, 7}}, {6, 6, 0.7, {0, 1, 2, 3, 4, 5}}}, 8};
const CpuTopology kFourKinds = {{{1, 1, 1.0, {7}}, {3, 3, 0.8, {4, 5, 6}}, {2, 2, 0.6, {2, 3}}, {2, 2, 0.3, {0, 1}}},
                                8};
const CpuTopology kEqual = {{{8, 8, 1.0, {0, 1, 2, 3, 4, 5, 6, 7}}}, 8};
const CpuTopology kUnnumbered = {{{4, 4, 1.0}, {4, 4, 0.3}}, 8};

TEST(CoreChoice, TableOfProcessors) {
  using Numbers = std::vector<int>;
  constexpr CoreWish kFastest = CoreWish::kFastest;
  constexpr CoreWish kSparing = CoreWish::kSparing;
  struct Row {
    const char* name;
    const CpuTopology& topology;
    int threads;
    CoreWish wish;
    Numbers processors;
  };
  const Row rows[] = {
      {"4+4, as many as fast ones", kFourAndFour, 4, kFastest, {4, 5, 6, 7}},
      {"4+4, one thread", kFourAndFour, 1, kFastest, {4, 5, 6, 7}},
      {"4+4, never the little ones alone", kFourAndFour, 2, kSparing, {4, 5, 6, 7}},
      {"4+4, somebody wants five threads", kFourAndFour, 5, kFastest, {0, 1, 2, 3, 4, 5, 6, 7}},
      {"1+3+4, four", kThreeKinds, 4, kFastest, {4, 5, 6, 7}},
      {"1+3+4, four, sparing", kThreeKinds, 4, kSparing, {4, 5, 6, 7}},
      {"1+3+4, three, sparing", kThreeKinds, 3, kSparing, {4, 5, 6}},
      {"1+3+4, one, sparing", kThreeKinds, 1, kSparing, {4, 5, 6}},
      {"1+3+4, one, fastest", kThreeKinds, 1, kFastest, {4, 5, 6, 7}},
      {"1+3+4, six, sparing", kThreeKinds, 6, kSparing, {0, 1, 2, 3, 4, 5, 6}},
      {"1+3+4, more than there are", kThreeKinds, 20, kSparing, {0, 1, 2, 3, 4, 5, 6, 7}},
      {"2+6, two", kTwoAndSix, 2, kFastest, {6, 7}},
      {"2+6, two, sparing", kTwoAndSix, 2, kSparing, {6, 7}},
      {"2+6, five, sparing: not the little ones alone", kTwoAndSix, 5, kSparing, {0, 1, 2, 3, 4, 5, 6, 7}},
      {"2+6 of about a speed, eight", kTwoAndSixQuick, 8, kFastest, {0, 1, 2, 3, 4, 5, 6, 7}},
      {"2+6 of about a speed, six, sparing", kTwoAndSixQuick, 6, kSparing, {0, 1, 2, 3, 4, 5}},
      {"four kinds, two, sparing", kFourKinds, 2, kSparing, {2, 3}},
      {"four kinds, four, sparing", kFourKinds, 4, kSparing, {2, 3, 4, 5, 6}},
      {"8 alike", kEqual, 4, kFastest, {}},
      {"8 alike, sparing", kEqual, 2, kSparing, {}},
      {"numbers are not known", kUnnumbered, 4, kFastest, {}},
      {"nothing is known", {}, 4, kFastest, {}},
      {"no thread", kThreeKinds, 0, kFastest, {4, 5, 6, 7}},
  };
  for (const Row& row : rows)
    EXPECT_EQ(ChooseProcessors(row.topology, row.threads, row.wish), row.processors) << row.name;
}

}  // namespace
}  // namespace thimble
