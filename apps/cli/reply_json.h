// SPDX-License-Identifier: Apache-2.0
// A reply in the machine-readable form of `thimble run --json` (docs/cli.md).
#pragma once

#include "engine/session.h"
#include "files/json.h"

namespace thimble::cli {

Json ToolCallJson(const ToolCall& call);
Json ReplyJson(const Reply& reply);
// A float with the digits that bring it back; null for what JSON cannot say.
Json FloatJson(float value);
Json IdsJson(const std::vector<std::int32_t>& ids);

}  // namespace thimble::cli
