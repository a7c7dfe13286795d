// SPDX-License-Identifier: Apache-2.0
// Prompt: what a request asks the model to read: tokens, positions, and which rows come from pictures. A value: it
// knows no engine, and is built from what PromptParts names.
#pragma once

#include "base/result.h"
#include "engine/picture.h"
#include "engine/prompt_counts.h"
#include "engine/request.h"
#include "image/preprocess.h"
#include "ops/rope.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace thimble {

// Tokens that prompts are built from, found by their text; unset where the vocabulary lacks one.
struct SpecialIds {
  std::optional<std::int32_t> image_pad, video_pad, think_open, think_close;
};
SpecialIds FindSpecialIds(const Tokenizer& tokenizer);

// What prompts are built from.
struct PromptParts {
  const Tokenizer* tokenizer = nullptr;  // must outlive this
  TemplateVariant chat_template = TemplateVariant::kSmall;
  SpecialIds special;
  std::int32_t vocab = 0;  // ids that requests give are below
  PatchSizes patches;      // of the tower
  PixelLimits pixel_limits;
  VideoLimits video_limits;
  std::int64_t context = 0;       // tokens that a prompt may have
  std::int64_t most_context = 0;  // what that could be at most
  std::string why_blind;          // one sentence; empty: pictures can be read
  Code blind_code = Code::kUnsupported;
};

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

// What a token is, for comparing prompts: its id, or for a picture's row 127 bits of a hash of the picture and its
// grid, and the row. Equal keys mean that the model reads the same.
struct PromptKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  static PromptKey OfToken(std::int32_t id) { return {0, static_cast<std::uint32_t>(id)}; }
  friend bool operator==(const PromptKey&, const PromptKey&) = default;
};

struct Prompt {
  std::vector<std::int32_t> ids;
  std::vector<Position> positions;
  std::vector<PictureRun> runs;
  std::vector<PromptKey> keys;           // of each token
  std::vector<PictureId> pictures;       // of each picture at the size it is read at
  std::vector<PictureReading> readings;  // of each picture; of a video only the digest says something
  std::vector<MessageStart> starts;  // of a conversation's messages; results of tools in a row have one for them all
  // Of a conversation, the numbers of tokens up to the end of each of these, rising, the last is `boundary`; tools that
  // no system message stands in front of end at the first. A checkpoint is worth keeping there.
  std::vector<std::int64_t> message_ends;
  std::int64_t boundary = 0;  // tokens before the generation prompt: all, where there is none
  std::int32_t next_position = 0;
  bool ends_in_thinking = false;
};

// Builds the prompt of a request. What the messages of a conversation say never becomes a special token: only what the
// template writes does. Errors: the template's, pictures that do not match their slots, a model that is blind, a prompt
// longer than the context (kExhausted).
Result<Prompt> BuildPrompt(const PromptParts& parts, const GenerateRequest& request);

// What the prompt of a request takes (engine/prompt_counts.h). Errors as above, but for the context's: a prompt longer
// than that is counted too.
Result<PromptCounts> CountPrompt(const PromptParts& parts, const GenerateRequest& request);

// Patches of a request's picture: of an image at the size it is read at, of a video within the model's limits.
Result<Patches> PatchifyPicture(const PromptParts& parts, const Picture& picture, const PictureReading& reading);

}  // namespace thimble
