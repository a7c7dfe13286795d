// SPDX-License-Identifier: Apache-2.0
// Any bytes as a tokenizer.json, as a GGUF vocabulary, and as text for a small tokenizer that is right. The first byte
// chooses. The only legal outcomes are an error with a message, or tokens that give the text's normal form back.
#include "base/text.h"
#include "files/model_file.h"
#include "small_tokenizer.h"
#include "sys/byte_source.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using thimble::AddedTokens;
using thimble::Tokenizer;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Added tokens that begin alike.
constexpr std::string_view kAdded =
    R"({"id":300,"content":"<|a|>","special":true},{"id":301,"content":"<|a|>b"},{"id":302,"content":"<think>"})";

void CheckText(const Tokenizer& tokenizer, std::string_view text) {
  std::string storage;
  const std::string repaired = thimble::ReplaceInvalidUtf8(text);
  const std::string normal(thimble::NormalizeNfc(repaired, &storage));
  const std::vector<std::int32_t> plain = tokenizer.Encode(text, AddedTokens::kPlainText);
  Require(tokenizer.Decode(plain, false) == normal);
  const std::vector<std::int32_t> ids = tokenizer.Encode(text, AddedTokens::kRecognise);
  Require(ids == tokenizer.Encode(text, AddedTokens::kRecognise));
  for (const bool skip_special : {false, true}) {
    thimble::StreamDecoder decoder(&tokenizer, skip_special);
    std::string streamed;
    for (const std::int32_t id : ids) streamed += decoder.Append(id);
    streamed += decoder.Flush();
    Require(streamed == thimble::ReplaceInvalidUtf8(tokenizer.Decode(ids, skip_special)));
  }
}

// A tokenizer from a strange file must at least hold together.
void CheckLoaded(const thimble::Result<Tokenizer>& tokenizer) {
  if (!tokenizer.ok()) {
    Require(!tokenizer.error().message.empty());
    return;
  }
  std::vector<std::int32_t> ids =
      tokenizer.value().Encode("The quick brown fox<|im_end|> \xE4\xBD\xA0\xE5\xA5\xBD", AddedTokens::kRecognise);
  for (const std::int32_t id : ids) Require(id >= 0 && id < tokenizer.value().num_ids());
  ids.push_back(tokenizer.value().num_ids());
  Require(thimble::IsValidUtf8(thimble::ReplaceInvalidUtf8(tokenizer.value().Decode(ids, true))));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if (bytes[0] == 'J') {
    CheckLoaded(Tokenizer::FromJson(text));
  } else if (bytes[0] == 'G') {
    const auto* first = reinterpret_cast<const std::byte*>(bytes) + 1;
    const auto file =
        thimble::ModelFile::FromGguf(thimble::MemorySource(std::vector<std::byte>(first, first + (size - 1))), "fuzz");
    if (file.ok()) CheckLoaded(Tokenizer::FromModelFile(file.value()));
  } else {
    static const thimble::Result<Tokenizer> small = Tokenizer::FromJson(SmallTokenizerJson(kAdded));
    Require(small.ok());
    CheckText(small.value(), text);
  }
  return 0;
}
