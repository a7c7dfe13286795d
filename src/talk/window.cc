// SPDX-License-Identifier: Apache-2.0
#include "talk/window.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>

namespace thimble {

namespace {

// Of the context: what must be free before an answer, and what exchanges go down to, so that not every turn drops one
// and reads all that is left anew.
constexpr std::int64_t kLeastShare = 4;
constexpr std::int64_t kGoalShare = 2;

std::string_view Stripped(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

}  // namespace

WindowCounts CountWindow(const PromptCounts& counts, std::span<const Message> messages) {
  const auto sum = [&](std::size_t begin, std::size_t end) {
    return std::accumulate(counts.messages.begin() + static_cast<std::ptrdiff_t>(begin),
                           counts.messages.begin() + static_cast<std::ptrdiff_t>(end), std::int64_t{0});
  };
  const std::vector<std::size_t> begins = ExchangeBegins(messages);
  WindowCounts window;
  window.fixed = counts.before + counts.answer + sum(0, NumPinned(messages));
  for (std::size_t i = 0; i < begins.size(); ++i)
    window.exchanges.push_back(sum(begins[i], i + 1 < begins.size() ? begins[i + 1] : counts.messages.size()));
  return window;
}

WindowPlan PlanWindow(const WindowCounts& counts, std::int64_t context, std::int64_t max_tokens) {
  WindowPlan plan;
  const auto& exchanges = counts.exchanges;
  std::int64_t total = std::accumulate(exchanges.begin(), exchanges.end(), counts.fixed);
  const std::int64_t quarter = context / kLeastShare;
  const std::int64_t needed = max_tokens > 0 ? std::min(max_tokens, quarter) : quarter;
  // Without a single token of answer there is no sense in reading.
  if (counts.fixed + (exchanges.empty() ? 0 : exchanges.back()) >= context) {
    plan.fits = false;
    return plan;
  }
  if (context - total >= needed) return plan;
  while (plan.num_dropped + 1 < exchanges.size() && total > context / kGoalShare)
    total -= exchanges[plan.num_dropped++];
  return plan;
}

bool IsQuestion(const Message& message) {
  if (message.role != "user") return false;
  std::string all;
  for (const Part& part : message.content) {
    if (part.kind != Part::Kind::kText) return true;
    all += part.text;
  }
  const std::string_view text = Stripped(all);
  return !(text.starts_with("<tool_response>") && text.ends_with("</tool_response>"));
}

std::size_t NumPinned(std::span<const Message> messages) {
  const auto is_pinned = [](const Message& message) { return message.role == "system"; };
  return static_cast<std::size_t>(std::find_if_not(messages.begin(), messages.end(), is_pinned) - messages.begin());
}

std::vector<std::size_t> ExchangeBegins(std::span<const Message> messages) {
  std::vector<std::size_t> begins;
  const std::size_t first = NumPinned(messages);
  for (std::size_t i = first; i < messages.size(); ++i) {
    if (i == first || IsQuestion(messages[i])) begins.push_back(i);
  }
  return begins;
}

std::size_t NumPictures(std::span<const Message> messages) {
  std::size_t count = 0;
  for (const Message& message : messages) {
    for (const Part& part : message.content)
      count += part.kind == Part::Kind::kImage || part.kind == Part::Kind::kVideo ? 1 : 0;
  }
  return count;
}

}  // namespace thimble
