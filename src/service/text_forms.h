// SPDX-License-Identifier: Apache-2.0
// llama.cpp's requests about text and tokens: /tokenize, /detokenize, /apply-template.
#pragma once

#include "files/json.h"
#include "service/exchange.h"
#include "service/or_fault.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

struct TokenizeRequest {
  std::string content;
  bool parse_special = true;  // special tokens' names in the text are those tokens
  bool with_pieces = false;
};
// {"content", "add_special", "parse_special", "with_pieces"}. "add_special" changes nothing: these models have no
// token that stands in front of every text.
OrFault<TokenizeRequest> ParseTokenize(const Json& body);
// `pieces`: what each token says, any bytes; empty where they were not asked for.
WholeAnswer TokenizeAnswer(std::span<const std::int32_t> ids, std::span<const std::string> pieces);

// {"tokens"}: ids from 0; whether there are such tokens is for the caller to check.
OrFault<std::vector<std::int32_t>> ParseDetokenize(const Json& body);
WholeAnswer DetokenizeAnswer(std::string_view text);

// What a conversation reads like: {"prompt"}.
WholeAnswer TemplateAnswer(std::string_view prompt);

}  // namespace thimble::service
