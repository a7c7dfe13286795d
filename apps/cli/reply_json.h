// SPDX-License-Identifier: Apache-2.0
// A reply in the machine-readable form of `thimble run --json` (docs/cli.md), and its numbers for people.
#pragma once

#include "engine/session.h"
#include "files/json.h"

#include <string>
#include <vector>

namespace thimble::cli {

Json ToolCallJson(const ToolCall& call);
Json ReplyJson(const Reply& reply);
// "read 20 tokens in 0.11 s (176.1/s), wrote 80 in ...": one line about a reply.
// A sentence for each picture that is read smaller than the model could: how, and what reads more of it.
std::vector<std::string> ReadingLines(std::span<const PictureReading> readings);
std::string StatsLine(const Reply& reply);
// One line about a reply that holds no answer, with what helps; empty where there is one (a tool call is one too), and
// where somebody stopped it before it wrote anything. `context`: tokens that the conversation may hold.
std::string AboutMissingAnswer(const Reply& reply, int context);
// A float with the digits that bring it back; null for what JSON cannot say.
Json FloatJson(float value);
Json IdsJson(const std::vector<std::int32_t>& ids);

}  // namespace thimble::cli
