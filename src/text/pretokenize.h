// SPDX-License-Identifier: Apache-2.0
// Qwen 3.5's split rule: cuts text into the pieces (words, digits, runs of punctuation or space) that byte-pair merges
// never cross.
#pragma once

#include <cstddef>
#include <string_view>

namespace thimble {

// The rule as tokenizer.json writes it. A file with another one needs another scanner.
inline constexpr std::string_view kSplitRule =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Length in bytes of the first piece of `text`, which must be valid UTF-8 and not empty. Every text is a sequence of
// pieces without gaps. The end of `text` is the end of the text for the rule's look-ahead.
std::size_t FirstPieceLength(std::string_view text);

}  // namespace thimble
