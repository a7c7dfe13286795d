// SPDX-License-Identifier: Apache-2.0
// The Qwen 3.5 chat template as a hand-written renderer: messages -> text with slots for pictures. Two templates are
// published (0.8B/2B and 4B/9B); they differ only in whether thinking is on by default.
#pragma once

#include "base/result.h"
#include "text/chat.h"
#include "text/text_range.h"

#include <string>
#include <string_view>
#include <vector>

namespace thimble {

enum class TemplateVariant {
  kSmall,  // 0.8B, 2B: thinking off unless asked for
  kLarge,  // 4B, 9B: thinking on unless switched off
};

struct TemplateChoice {
  TemplateVariant variant = TemplateVariant::kSmall;
  bool is_known = true;  // the text's SHA-256 is a published (or known equivalent) one
  std::string warning;   // one sentence when not
};
// Chooses by SHA-256 of the template text, or for an unknown text by what its default generation prompt looks like.
// Empty text: kSmall with a warning.
TemplateChoice ChooseTemplate(std::string_view template_text);

std::string_view TemplateName(TemplateVariant variant);  // "qwen3.5 (0.8B/2B)", "qwen3.5 (4B/9B)"

// A stretch of text, or a place where a picture's or video's placeholder tokens go. A slot's `text` is its placeholder
// as the template prints it ("<|image_pad|>", "<|video_pad|>"); the surrounding <|vision_start|>, <|vision_end|> are
// text.
struct PromptPiece {
  enum class Kind { kText, kImage, kVideo } kind = Kind::kText;
  std::string text;
  int part_index = -1;  // slots: running number over all image and video parts of the conversation
};

struct RenderedChat {
  std::vector<PromptPiece> pieces;
  bool ends_in_thinking = false;  // the prompt, or the message to be gone on with, ends inside <think>
  // Index into `pieces` and byte offset there of the place where the generation prompt begins: the last message
  // boundary, where a checkpoint is worth keeping. pieces.size() when there is no generation prompt.
  std::size_t generation_prompt_piece = 0;
  std::size_t generation_prompt_offset = 0;

  // Where messages begin, each with the special token <|im_start|>: bytes of Text(). Results of tools in a row share
  // one turn: only the first of them is here, and so is a system message at 0, behind which the tools stand.
  struct MessageBegin {
    std::size_t message = 0;  // index into the conversation's messages
    std::size_t offset = 0;
  };
  std::vector<MessageBegin> message_begins;

  // What the template itself wrote, as bytes of Text(): in order, apart from one another. Everything else is what
  // users, tools and documents said, in which "<|im_end|>" is no token but ten characters (Tokenizer::EncodeTo).
  std::vector<TextRange> own;

  [[nodiscard]] std::string Text() const;  // all pieces joined: what the reference prints
};

// Errors are kInvalid with the template's own message ("No user query found in messages.").
Result<RenderedChat> RenderChat(TemplateVariant variant, const Chat& chat);

}  // namespace thimble
