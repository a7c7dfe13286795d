// SPDX-License-Identifier: Apache-2.0
#include "sampling/logprobs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace thimble {

TokenChoice LogprobsOf(std::span<const float> logits, const TokenMask& exists, std::int32_t id, int count) {
  const auto logit = [&](std::int32_t token) {
    const auto index = static_cast<std::size_t>(token);
    const float value = index < logits.size() && exists.Allows(token) ? logits[index] : NAN;
    return std::isnan(value) ? -std::numeric_limits<double>::infinity() : static_cast<double>(value);
  };
  const auto end = static_cast<std::int32_t>(std::min(logits.size(), exists.end()));
  std::vector<std::int32_t> ids;
  double most = -std::numeric_limits<double>::infinity();
  for (std::int32_t token = 0; token < end; ++token) {
    if (!exists.Allows(token)) continue;
    ids.push_back(token);
    most = std::max(most, logit(token));
  }
  TokenChoice choice;
  choice.id = id;
  choice.logprob = -std::numeric_limits<double>::infinity();
  if (!std::isfinite(most)) return choice;
  double sum = 0;
  for (const std::int32_t token : ids) sum += std::exp(logit(token) - most);
  const double log_sum = std::log(sum);
  const auto logprob = [&](std::int32_t token) { return (logit(token) - most) - log_sum; };
  choice.logprob = logprob(id);

  const std::size_t wanted = std::min(ids.size(), static_cast<std::size_t>(std::max(count, 0)));
  const auto is_likelier = [&](std::int32_t a, std::int32_t b) {
    return logit(a) != logit(b) ? logit(a) > logit(b) : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(wanted), ids.end(), is_likelier);
  for (std::size_t i = 0; i < wanted; ++i) choice.top.emplace_back(ids[i], logprob(ids[i]));
  return choice;
}

}  // namespace thimble
