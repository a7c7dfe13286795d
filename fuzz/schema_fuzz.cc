// SPDX-License-Identifier: Apache-2.0
// Any bytes as a client's JSON schema, or as a tool's parameters where they begin with '!': refused, or made into masks
// by which a reply is written with tokens that the bytes choose. There is always one, and what is finished parses.
#include "base/text.h"
#include "files/json.h"
#include "grammar/schema_gate.h"
#include "grammar/token_masker.h"
#include "small_tokenizer.h"
#include "text/tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace thimble;

constexpr std::size_t kLargest = 4096;  // XGrammar takes its time over more
constexpr int kMostTokens = 96;
constexpr std::size_t kRows = 320;

Tokenizer MakeTokenizer() {
  auto tokenizer = Tokenizer::FromJson(SmallTokenizerJson(
      R"({"id":300,"content":"<|im_end|>","special":true},{"id":301,"content":"<tool_call>"},{"id":302,"content":"</tool_call>"})"));
  if (!tokenizer.ok()) std::abort();
  return std::move(tokenizer).value();
}

void Write(TokenFilter* filter, const Tokenizer& tokenizer, std::string_view data, bool is_json) {
  filter->Begin(false);
  std::string text;
  for (int i = 0; i < kMostTokens; ++i) {
    const TokenMask* mask = filter->Allowed();
    if (mask == nullptr || mask->count() == 0) std::abort();
    const auto ends = tokenizer.end_tokens();
    auto id = static_cast<std::int32_t>(static_cast<unsigned char>(data[static_cast<std::size_t>(i) % data.size()]));
    if (std::any_of(ends.begin(), ends.end(), [&](std::int32_t end) { return mask->Allows(end); })) {
      if (is_json && !Json::Parse(ReplaceInvalidUtf8(text), "reply").ok()) std::abort();
      return;
    }
    while (!mask->Allows(id)) id = (id + 1) % static_cast<std::int32_t>(kRows);
    if (!tokenizer.Exists(id) || tokenizer.IsSpecial(id)) std::abort();
    text += tokenizer.TokenBytes(id);
    filter->Accept(id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Tokenizer tokenizer = MakeTokenizer();
  static TokenMasker masker(&tokenizer, kRows);
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool is_tool = text.starts_with('!');
  if (is_tool) text.remove_prefix(1);
  auto schema = Json::Parse(text, "schema");
  if (!schema.ok()) return 0;
  for (const bool is_strict : {false, true}) {
    auto enforced = EnforceableSchema(schema.value(), is_strict);
    if (size > kLargest) continue;
    if (!enforced.ok() && !is_tool) continue;
    GrammarRequest request;
    request.is_strict = is_strict;
    request.kind = is_tool ? GrammarRequest::Kind::kToolCalls : GrammarRequest::Kind::kJsonSchema;
    request.schema = schema.value();
    request.must_call = true;
    request.tools = {Json::Object({{"name", Json::String("f")}, {"parameters", schema.value()}})};
    auto filter = masker.NewFilter(request);
    if (filter.ok()) Write(filter.value().get(), tokenizer, text, !is_tool);
  }
  return 0;
}
