// SPDX-License-Identifier: Apache-2.0
// Ask: what a client wants answered, whichever API it speaks.
#pragma once

#include "engine/request.h"
#include "grammar/grammar_request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace thimble::service {

// How likely the model found a token that it wrote, by its own distribution: before penalties, temperature and masks.
struct TokenLogprob {
  std::string bytes;                                // what the token says; may be a part of a character
  double logprob = 0;                               // natural logarithm
  std::vector<std::pair<std::string, double>> top;  // the likeliest tokens of that place, likeliest first
};

struct Ask {
  std::string model;  // the name that the client used; empty: none
  // Conversation or text, and how to answer. Pictures of the conversation are still in its parts' `source`: data URLs,
  // bare base64, or "thimble:ID". `filter` is not set yet.
  GenerateRequest generate;
  std::string raw_prompt;  // of /v1/completions: text that is read as it stands; generate.prompt is not used then
  bool is_raw = false;
  std::optional<std::string> suffix;  // of /v1/completions: the answer is what stands between the prompt and this
  std::optional<GrammarRequest> grammar;
  std::optional<int> top_logprobs;  // wanted: with so many alternatives, 0 to 20
  bool is_stream = false;
  bool wants_usage = false;     // of a stream: its last chunk
  bool wants_timings = false;   // in every chunk
  bool wants_progress = false;  // of reading, as chunks
  // Of /v1/completions: the prompt stands in front of the answer, raw_prompt. Of a prompt of token ids the service
  // writes its text there.
  bool echoes = false;
  bool drops_oldest = false;  // "when_full": "window"
  // "max_tokens": 0: only to read the prompt. generate.max_tokens is 1; the writers leave that token out.
  bool writes_nothing = false;
  std::string ignored;  // keys of the request that nobody here knows, for a header; empty: none
};

}  // namespace thimble::service
