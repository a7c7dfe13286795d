// SPDX-License-Identifier: Apache-2.0
#include "cli/reply_schema.h"

#include "cli/input.h"
#include "cli/terminal.h"
#include "grammar/schema_gate.h"

#include <utility>

namespace thimble::cli {

Status ReplySchema::Read(const GenerateOptions& options) {
  if (options.schema.empty()) return Done{};
  if (options.schema == "-") return Error{Code::kInvalid, "[schema] --schema takes a file, not standard input"};
  if (options.ignore_eos)
    return Error{Code::kInvalid, "[schema] give --schema or --ignore-eos, not both: the answer ends where it is whole"};
  if (!TokenMasker::IsBuilt()) return TokenMasker(nullptr, 0).Check({});
  THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(options.schema));
  THIMBLE_ASSIGN_OR_RETURN(Json schema, Json::Parse(text, options.schema));
  // Before a model is read.
  if (auto enforced = EnforceableSchema(schema, false); !enforced.ok())
    return WithPlace(enforced.error(), options.schema);
  wanted_.emplace();
  wanted_->kind = GrammarRequest::Kind::kJsonSchema;
  wanted_->schema = std::move(schema);
  return Done{};
}

Status ReplySchema::Apply(const Engine& engine, GenerateRequest* request) {
  if (!wanted_.has_value()) return Done{};
  masker_ = std::make_unique<TokenMasker>(&engine.tokenizer(), static_cast<std::size_t>(engine.config().vocab));
  THIMBLE_ASSIGN_OR_RETURN(request->filter, masker_->NewFilter(*wanted_));
  return Done{};
}

void ReplySchema::TellIfCut(const Reply& reply) const {
  if (!wanted_.has_value()) return;
  if (reply.finish_reason == FinishReason::kLength)
    Warn("the answer was cut at --max-tokens: it is not whole, and not valid by --schema");
  if (reply.finish_reason == FinishReason::kContext)
    Warn("the answer was cut where the context was full: it is not whole, and not valid by --schema");
}

}  // namespace thimble::cli
