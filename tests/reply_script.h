// SPDX-License-Identifier: Apache-2.0
// For tests: replies from a script. Where what is tested is the service, a client or a page, wit would be needed of the
// model; a script says what it writes instead, and everything else stays real: prompt, passes, parser, streams.
//
// A script is JSON:
//
//   {"tokens_per_second": 20,
//    "rules": [{"user": "weather", "role": "user", "say": "<think>\nHm.\n</think>\n\n<tool_call>\n..."},
//              {"tool": "add", "role": "tool", "say": "It is five."}],
//    "default": "Hello."}
//
// The first rule rules whose conditions all hold: `user`, a part of the text of the last user's message (or of a plain
// prompt); `tool`, a part of the name of a tool that may be called; `role`, the whole role of the last message, so that
// a conversation goes on when a tool has answered. `say` is the reply as the model writes it. A rule without it, and a
// request that no rule is for where there is no `default`, leave the model to itself and to the request's grammar.
//
// A think block at the beginning is written as one script for both ways to ask: `<think>` is left out where the prompt
// has opened the block already, the whole block where the client wants none; where the block is open and the script
// has none it is closed first. Rules of numbers (max_tokens, stop, budgets of thinking) hold as ever.
//
// With `tokens_per_second` tokens are held back to that pace, all replies together by the engine's one thread.
#pragma once

#include "base/result.h"
#include "engine/token_filter.h"
#include "service/job.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::testing {

struct ScriptRule {
  std::string user, tool, role;    // empty: any
  std::optional<std::string> say;  // nullopt: what the model likes
};

struct ReplyScript {
  double tokens_per_second = 0;   // 0: as fast as it goes
  std::vector<ScriptRule> rules;  // the default last
};

// kInvalid: it is none, or has a key that scripts do not have.
Result<ReplyScript> ParseReplyScript(std::string_view text);

// The rule that is for this request; nullptr: none.
const ScriptRule* FindRule(const ReplyScript& script, const service::Ask& ask);

// The reply's filter; nullptr: the model is left to itself. For ServiceOptions::desk.filter_for.
std::shared_ptr<TokenFilter> ScriptedFilter(const ReplyScript& script, const service::Ask& ask,
                                            const service::LiveModel& model);

}  // namespace thimble::testing
