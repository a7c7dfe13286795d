// SPDX-License-Identifier: Apache-2.0
// TokenizerSource: a tokenizer as a file describes it, the same for tokenizer.json and GGUF; Tokenizer builds itself
// from one.
#pragma once

#include "base/result.h"
#include "files/model_file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

// Keeps copies of strings at fixed addresses.
class StringStore {
 public:
  std::string_view Keep(std::string_view text);

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t left_bytes_ = 0;  // of the last block
  char* next_ = nullptr;
};

struct TokenizerSource {
  struct Token {
    std::int32_t id = 0;
    std::string_view text;  // in the byte alphabet
  };
  struct AddedToken {
    std::int32_t id = 0;
    std::string_view text;  // as it is
    bool is_special = false;
  };
  struct MergeRule {
    std::string_view left;  // in the byte alphabet
    std::string_view right;
  };

  std::vector<Token> tokens;
  std::vector<AddedToken> added;  // may repeat entries of `tokens`
  std::vector<MergeRule> merges;  // in the order of their ranks
  bool normalizes = true;         // text is brought to NFC before it is split
  bool ignores_merges = false;    // a piece that is a token as a whole is that token, whatever the merges say
  std::vector<std::int32_t> end_ids;
  std::vector<std::string> end_texts;
  std::vector<std::string> warnings;
  StringStore strings;  // owns what the views above show, unless the file does
};

// No id may reach this; it bounds the memory that a wrong file can ask for (the real vocabulary ends at 248320).
inline constexpr std::int32_t kMaxTokenIds = 1 << 21;

// The views point into the metadata's bytes. kNotFound without a vocabulary, kUnsupported for another tokenizer than
// byte-level BPE with Qwen 3.5's split rule, kCorrupt for contradictions.
Result<TokenizerSource> ReadTokenizerGguf(const Metadata& metadata);
// From the text of a tokenizer.json. Errors as above.
Result<TokenizerSource> ReadTokenizerJson(std::string_view json);
// Adds the end tokens that tokenizer_config.json and generation_config.json name; either may be empty text. What cannot
// be read becomes a warning.
void ReadEndTokens(std::string_view tokenizer_config, std::string_view generation_config, TokenizerSource* source);

}  // namespace thimble
