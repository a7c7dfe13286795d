// SPDX-License-Identifier: Apache-2.0
// Any bytes as the body of a request to OpenAI's, Anthropic's and llama.cpp's routes: read within bounds, or a fault of
// the client's that is short and valid UTF-8 as JSON; what was read is within its limits.
#include "base/text.h"
#include "files/json.h"
#include "service/anthropic_request.h"
#include "service/error_form.h"
#include "service/openai_request.h"
#include "service/request_body.h"
#include "service/request_draft.h"
#include "service/text_forms.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace thimble;
using namespace thimble::service;

void Check(bool is_right) {
  if (!is_right) std::abort();
}

void CheckFault(const Fault& fault) {
  constexpr std::size_t kMostBytes = 2000;  // what it quotes is short
  Check(fault.status == 400 && !fault.message.empty() && fault.message.size() <= kMostBytes);
  for (const std::string_view path : {"/v1/chat/completions", "/v1/messages"}) {
    const WholeAnswer answer = MakeError(path, fault);
    Check(IsValidUtf8(answer.body) && Json::Parse(answer.body, "error").ok());
  }
}

void CheckAsk(const OrFault<Ask>& read) {
  if (!read.ok()) return CheckFault(read.error());
  const Ask& ask = read.value();
  const GenerateRequest& generate = ask.generate;
  Check(generate.stop_strings.size() <= kMostStops && generate.logit_bias.size() <= kMostBiases);
  for (const std::string& stop : generate.stop_strings) Check(!stop.empty() && stop.size() <= kMostStopBytes);
  for (const auto& [id, bias] : generate.logit_bias) Check(id >= 0 && bias >= -100 && bias <= 100);
  Check(generate.max_tokens >= 0 && !(ask.writes_nothing && generate.max_tokens != 1));
  Check(!ask.top_logprobs.has_value() || (*ask.top_logprobs >= 0 && *ask.top_logprobs <= kMostTopLogprobs));
  Check(!ask.grammar.has_value() || ask.grammar->kind != GrammarRequest::Kind::kToolCalls ||
        !ask.grammar->tools.empty());
  if (!generate.has_chat()) return Check(!ask.is_raw || !ask.raw_prompt.empty());
  Check(!generate.chat().messages.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto body = ParseBody({reinterpret_cast<const char*>(bytes), size});
  if (!body.ok()) {
    CheckFault(body.error());
    return 0;
  }
  for (const auto parse :
       {ParseOpenAiChat, ParseOpenAiCount, ParseCompletion, ParseAnthropicMessages, ParseAnthropicCount})
    CheckAsk(parse(body.value()));
  if (const auto read = ParseTokenize(body.value()); !read.ok()) CheckFault(read.error());
  if (const auto read = ParseDetokenize(body.value()); !read.ok()) CheckFault(read.error());
  return 0;
}
