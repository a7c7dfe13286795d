// SPDX-License-Identifier: Apache-2.0
// A tokenizer that is right and small: all bytes, a few merges, and the added tokens that a target wants.
#pragma once

#include "base/text.h"
#include "files/json.h"
#include "text/pretokenize.h"

#include <string>
#include <string_view>

// The text of its tokenizer.json. `added`: the items of "added_tokens"; ids from 300 on are free.
inline std::string SmallTokenizerJson(std::string_view added) {
  std::string vocab;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool is_printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    std::string text;
    thimble::AppendUtf8(&text, is_printable ? byte : next++);
    vocab += thimble::Cat(thimble::JsonQuote(text), ":", static_cast<int>(byte), ",");
  }
  return thimble::Cat(
      R"({"added_tokens":[)", added, R"(],"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence",)",
      R"("pretokenizers":[{"type":"Split","pattern":{"Regex":)", thimble::JsonQuote(thimble::kSplitRule),
      R"(},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},)",
      R"("model":{"type":"BPE","vocab":{)", vocab, R"("aa":256,"aaaa":257,"ab":258,"Ġa":259,"ĠĠ":260,"Ã©":261},)",
      R"("merges":["a b","a a","aa aa","Ġ a","Ġ Ġ","Ã ©"]}})");
}
