// SPDX-License-Identifier: Apache-2.0
// TokenMasker: keeps replies to what was asked for, token by token, by masks of XGrammar's.
#pragma once

#include "base/result.h"
#include "engine/token_filter.h"
#include "grammar/grammar_request.h"
#include "text/tokenizer.h"

#include <cstddef>
#include <memory>

namespace thimble {

// One for each tokenizer. Any thread may use it.
class TokenMasker {
 public:
  // Whether this build has grammars; without them NewFilter fails.
  static bool IsBuilt();

  // Begins to prepare the vocabulary (some 0.1 s and 44 MB for 248,320 tokens) beside the caller's own work.
  // `tokenizer` must outlive this. `mask_size`: tokens of the masks, the model's rows of logits.
  TokenMasker(const Tokenizer* tokenizer, std::size_t mask_size);
  ~TokenMasker();
  TokenMasker(const TokenMasker&) = delete;
  TokenMasker& operator=(const TokenMasker&) = delete;

  // What holds replies to `request`, one at a time; may outlive this. In a reply that starts in thinking all is free up
  // to </think> (but its end), and "\n\n" follows that; a reply that does not begins with the answer at once and never
  // thinks. The end of the reply is allowed exactly where the answer may end, and tokens that are special or do not
  // exist never. Text that can only go on in one way is left one token at a time, cut as the tokenizer cuts it.
  // Grammars are kept, up to some 32 MB, those used last. Errors: what schema_gate.h and tool_grammar.h refuse;
  // kUnsupported where this build has no grammars, or a schema asks for more than XGrammar can do; kExhausted without
  // memory.
  Result<std::shared_ptr<TokenFilter>> NewFilter(const GrammarRequest& request);

  // Makes the grammar and keeps it: so that a request that cannot be masked is refused before it waits.
  Status Check(const GrammarRequest& request);

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace thimble
