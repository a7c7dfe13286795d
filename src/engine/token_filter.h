// SPDX-License-Identifier: Apache-2.0
// TokenFilter: what a reply may say next, decided token by token: a grammar, for example.
#pragma once

#include "base/token_mask.h"

#include <cstdint>

namespace thimble {

// Used by one reply at a time, by one thread at a time.
class TokenFilter {
 public:
  virtual ~TokenFilter() = default;
  // A reply begins, inside a think block that the prompt has opened or not. Comes before all else.
  virtual void Begin(bool starts_in_thinking) { (void)starts_in_thinking; }
  // The tokens that may come next, all of them tokens that exist, and one at least; nullptr: any. A token that ends
  // the reply must be among them where it may end. Stays valid until Accept. Where one token is left it is written
  // without asking the model.
  virtual const TokenMask* Allowed() = 0;
  // The token became part of the reply.
  virtual void Accept(std::int32_t id) = 0;
};

}  // namespace thimble
