// SPDX-License-Identifier: Apache-2.0
#include "base/dtype.h"

#include <gtest/gtest.h>

#include <set>

namespace thimble {
namespace {

TEST(DType, EveryTypeIsFoundByItsIdOnce) {
  std::set<std::uint32_t> ids;
  std::set<std::string_view> names;
  for (const DTypeTraits& traits : kDTypes) {
    const auto id = static_cast<std::uint32_t>(traits.dtype);
    EXPECT_TRUE(ids.insert(id).second) << traits.name;
    EXPECT_TRUE(names.insert(traits.name).second);
    EXPECT_EQ(FindDType(id), &traits);
    EXPECT_EQ(&TraitsOf(traits.dtype), &traits);
    EXPECT_EQ(RowBytes(traits.dtype, static_cast<std::uint64_t>(traits.block_length) * 3),
              static_cast<std::uint64_t>(traits.block_bytes) * 3);
  }
}

TEST(DType, IdsOfOtherFilesAreUnknown) {
  for (const std::uint32_t id : {4u, 5u, 9u, 15u, 24u, 28u, 31u, 33u, 36u, 41u, 1000u, ~0u}) {
    EXPECT_EQ(FindDType(id), nullptr) << id;
  }
}

}  // namespace
}  // namespace thimble
