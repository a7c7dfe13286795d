// SPDX-License-Identifier: Apache-2.0
// The thinking guard: notices when reasoning has used up its budget or goes in circles, so that the think block can be
// closed and the answer still be written. Small models fall into loops easily.
#pragma once

#include <cstdint>
#include <vector>

namespace thimble {

class ThinkingGuard {
 public:
  enum class Verdict { kGoOn, kBudget, kLoop };

  // budget_tokens 0: no limit.
  ThinkingGuard(int budget_tokens, bool watches_loops) : budget_tokens_(budget_tokens), watches_loops_(watches_loops) {}

  // One more token of reasoning.
  Verdict Add(std::int32_t id);

 private:
  [[nodiscard]] bool IsPeriodic() const;
  [[nodiscard]] bool IsRepetitive() const;

  int budget_tokens_;
  bool watches_loops_;
  std::vector<std::int32_t> ids_;
};

}  // namespace thimble
