// SPDX-License-Identifier: Apache-2.0
// --schema FILE: answers that are valid by a JSON schema.
#pragma once

#include "base/result.h"
#include "cli/options.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "grammar/token_masker.h"

#include <memory>
#include <optional>

namespace thimble::cli {

class ReplySchema {
 public:
  // Reads the file and looks whether what it asks for can be enforced; nothing without --schema.
  Status Read(const GenerateOptions& options);
  // Holds the request's replies to it; nothing where none was read. `engine` and this must outlive them.
  Status Apply(const Engine& engine, GenerateRequest* request);
  // Says on standard error where an answer ended before it was whole.
  void TellIfCut(const Reply& reply) const;

 private:
  std::optional<GrammarRequest> wanted_;
  std::unique_ptr<TokenMasker> masker_;
};

}  // namespace thimble::cli
