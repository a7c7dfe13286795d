// SPDX-License-Identifier: Apache-2.0
// How likely a model finds tokens, by its logits alone: before penalties, temperature and masks.
#pragma once

#include "base/token_mask.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace thimble {

struct TokenChoice {
  std::int32_t id = 0;
  double logprob = 0;                                // natural logarithm of its probability
  std::vector<std::pair<std::int32_t, double>> top;  // the likeliest tokens with theirs, likeliest first
};

// Of token `id` and of the `count` likeliest, among those of `logits` [V] that `exists` allows. Equal ones: the lower
// id first. In double precision. Logits that are no numbers count as impossible.
TokenChoice LogprobsOf(std::span<const float> logits, const TokenMask& exists, std::int32_t id, int count);

}  // namespace thimble
