// SPDX-License-Identifier: Apache-2.0
// Builds without XGrammar.
#include "grammar/token_masker.h"

namespace thimble {

struct TokenMasker::Work {};

namespace {

Error NotBuilt() {
  return Error{Code::kUnsupported,
               "[grammar] this build has no grammars: run scripts/setup and build again with THIMBLE_GRAMMAR=ON"};
}

}  // namespace

bool TokenMasker::IsBuilt() { return false; }
TokenMasker::TokenMasker(const Tokenizer* /*tokenizer*/, std::size_t /*mask_size*/) {}
TokenMasker::~TokenMasker() = default;
Result<std::shared_ptr<TokenFilter>> TokenMasker::NewFilter(const GrammarRequest& /*request*/) { return NotBuilt(); }
Status TokenMasker::Check(const GrammarRequest& /*request*/) { return NotBuilt(); }

}  // namespace thimble
