// SPDX-License-Identifier: Apache-2.0
// Tokenizer: text <-> tokens with Qwen 3.5's byte-level BPE: NFC, split rule, merges, added tokens.
#pragma once

#include "base/result.h"
#include "files/model_file.h"
#include "text/text_range.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

enum class AddedTokens {
  kRecognise,  // "<|im_end|>" in the text is the token
  kPlainText,  // "<|im_end|>" in the text is ordinary characters
};

struct TokenizerSource;

// Const after creation; any thread may use it.
class Tokenizer {
 public:
  // From GGUF metadata (tokenizer.ggml.*) or from the folder's tokenizer.json. Errors name what is missing.
  static Result<Tokenizer> FromModelFile(const ModelFile& file);
  // The same from GGUF metadata alone, and from the text of a tokenizer.json alone. Another tokenizer than byte-level
  // BPE with Qwen 3.5's split rule is kUnsupported.
  static Result<Tokenizer> FromMetadata(const Metadata& metadata);
  static Result<Tokenizer> FromJson(std::string_view tokenizer_json);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Never fails: invalid UTF-8 is treated as U+FFFD per sequence.
  [[nodiscard]] std::vector<std::int32_t> Encode(std::string_view text, AddedTokens added) const;
  // Appends to `ids` (reuses its memory).
  void EncodeTo(std::string_view text, AddedTokens added, std::vector<std::int32_t>* ids) const;
  // The same with added tokens recognised where all of their characters lie in one of the `trusted` ranges (in order,
  // apart from one another); everywhere else they are ordinary characters. What lies between two tokens so recognised
  // is encoded in one go, whoever wrote which part of it: a text that spells no added token elsewhere becomes the same
  // ids as with kRecognise.
  void EncodeTo(std::string_view text, std::span<const TextRange> trusted, std::vector<std::int32_t>* ids) const;

  // The bytes a token stands for; empty for padding rows and ids out of range. Valid as long as this object.
  [[nodiscard]] std::string_view TokenBytes(std::int32_t id) const;
  // Special tokens (<|im_end|>) vanish when decoding with special tokens skipped; <think> is added but not special.
  [[nodiscard]] bool IsSpecial(std::int32_t id) const;
  [[nodiscard]] bool IsAdded(std::int32_t id) const;
  [[nodiscard]] std::string Decode(std::span<const std::int32_t> ids, bool skip_special) const;

  // The id of an added token or vocabulary entry by its text ("<|image_pad|>"); nullopt when there is none.
  [[nodiscard]] std::optional<std::int32_t> Find(std::string_view token_text) const;

  // Entries with bytes, added tokens included (248077 for the real one; padding rows not counted).
  [[nodiscard]] int num_tokens() const;
  // Whether the id is one of them.
  [[nodiscard]] bool Exists(std::int32_t id) const;
  // One more than the highest id with bytes.
  [[nodiscard]] int num_ids() const;

  // Tokens that end a reply: <|im_end|>, <|endoftext|>, and the file's own eos, those that exist.
  [[nodiscard]] std::span<const std::int32_t> end_tokens() const;

  // Sentences about what the file leaves open or asks for in vain.
  [[nodiscard]] std::span<const std::string> warnings() const;

 private:
  struct Tables;
  Tokenizer();
  static Result<Tokenizer> FromSource(const TokenizerSource& source);
  std::unique_ptr<Tables> tables_;
};

// Tokens -> text as it streams: holds back bytes until they form whole characters.
class StreamDecoder {
 public:
  // `tokenizer` must outlive this object.
  StreamDecoder(const Tokenizer* tokenizer, bool skip_special) : tokenizer_(tokenizer), skip_special_(skip_special) {}
  // The text that this token completes; may be empty. Invalid sequences become U+FFFD.
  std::string Append(std::int32_t id);
  // What is still held back, as U+FFFD.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string held_;
};

}  // namespace thimble
