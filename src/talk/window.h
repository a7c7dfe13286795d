// SPDX-License-Identifier: Apache-2.0
// The window policy: which exchanges of a conversation the model no longer reads, so that there is room for an answer.
#pragma once

#include "engine/prompt_counts.h"
#include "text/chat.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace thimble {

// What a prompt takes, in tokens.
struct WindowCounts {
  std::int64_t fixed = 0;               // what always stays: system text and tools, and the beginning of the answer
  std::vector<std::int64_t> exchanges;  // oldest first; the last is the one to be answered
};

// The same of a conversation whose messages take `counts`.
WindowCounts CountWindow(const PromptCounts& counts, std::span<const Message> messages);

struct WindowPlan {
  bool fits = true;  // false: the last exchange does not fit by itself, and leaving out others would not help
  std::size_t num_dropped = 0;
};

// Whether exchanges have to go before an answer of at most `max_tokens` (0: no limit), and how many: when less is left
// of `context` than a quarter of it, or than max_tokens where that is less, the oldest go until half of it or less is
// taken, or only the last is left.
WindowPlan PlanWindow(const WindowCounts& counts, std::int64_t context, std::int64_t max_tokens);

// Whether a message asks something: a user's that does not only wrap what tools gave, as the chat template sees it.
bool IsQuestion(const Message& message);

// Messages at the beginning that always stay.
std::size_t NumPinned(std::span<const Message> messages);

// Where exchanges begin, a question with all up to the next one each (so calls stay with their results). What stands
// between the pinned messages and the first question is an exchange too.
std::vector<std::size_t> ExchangeBegins(std::span<const Message> messages);

// Places for pictures and videos that messages have.
std::size_t NumPictures(std::span<const Message> messages);

}  // namespace thimble
