// SPDX-License-Identifier: Apache-2.0
// Prompt: what a request asks the model to read: tokens, positions, and which rows come from pictures.
#pragma once

#include "engine/engine_parts.h"
#include "engine/prompt_counts.h"
#include "engine/session.h"
#include "ops/rope.h"

#include <cstdint>
#include <span>
#include <vector>

namespace thimble {

// Where a picture's (or one temporal patch of a video's) rows stand.
struct PictureRun {
  int picture = 0;  // index into the request's pictures
  std::int64_t first_token = 0;
  std::int64_t count = 0;      // tokens = rows
  std::int64_t first_row = 0;  // of the picture's own rows
};

// Where a message's tokens begin.
struct MessageStart {
  std::size_t message = 0;  // index into the conversation's messages
  std::int64_t first_token = 0;
};

struct Prompt {
  std::vector<std::int32_t> ids;
  std::vector<Position> positions;
  std::vector<PictureRun> runs;
  // What a token is, for comparing prompts: its id, or for picture rows a hash of the picture and the row.
  std::vector<std::uint64_t> keys;
  std::vector<std::uint64_t> picture_hashes;  // of each picture at the size it is read at
  std::vector<PictureReading> readings;       // of each picture; of a video only the digest says something
  std::vector<MessageStart> starts;  // of a conversation's messages; results of tools in a row have one for them all
  std::int64_t boundary = 0;         // tokens before the generation prompt: a checkpoint is worth keeping there
  std::int32_t next_position = 0;
  bool ends_in_thinking = false;
};

// Builds the prompt of a request. Errors: the template's, pictures that do not match their slots, a model that is
// blind, a prompt longer than the context (kExhausted).
Result<Prompt> BuildPrompt(const EngineParts& engine, const GenerateRequest& request);

// What the prompt of a request takes (engine/prompt_counts.h). Errors as above, but for the context's: a prompt longer
// than that is counted too.
Result<PromptCounts> CountPrompt(const EngineParts& engine, const GenerateRequest& request);

// Patches of a request's picture: of an image at the size it is read at, of a video within the engine's limits.
Result<Patches> PatchifyPicture(const EngineParts& engine, const Picture& picture, const PictureReading& reading);

}  // namespace thimble
