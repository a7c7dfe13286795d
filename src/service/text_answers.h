// SPDX-License-Identifier: Apache-2.0
// Answers that need a model's vocabulary and nothing else of it: tokens, counts, prompts as they are read.
#pragma once

#include "service/carrier_parts.h"
#include "service/live_model.h"
#include "service/or_fault.h"
#include "service/prepare.h"

#include <memory>

namespace thimble::service {

// {"content", "add_special", "parse_special", "with_pieces"} -> {"tokens"}; and {"tokens"} -> {"content"}.
OrFault<WholeAnswer> Tokenize(const LiveModel& model, const Json& body);
OrFault<WholeAnswer> Detokenize(const LiveModel& model, const Json& body);

// What a conversation takes: what of it is asked for.
enum class CountForm {
  kInputTokens,  // OpenAI's
  kCountTokens,  // Anthropic's
  kPrompt,       // the text that the model reads: {"prompt"}
  kMessages,     // the page's: of each message, of each picture, and what there is
};
OrFault<WholeAnswer> CountConversation(const LiveModel& model, const PictureSources& from, CountForm form,
                                       GenerateRequest request);

// What a picture of this size takes: {"width", "height", "tokens": {"low", "auto", "high"}}.
OrFault<Json> PriceOf(const LiveModel& model, std::int64_t width, std::int64_t height);

}  // namespace thimble::service
