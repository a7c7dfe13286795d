// SPDX-License-Identifier: Apache-2.0
#include "service/text_forms.h"

#include "base/text.h"
#include "service/request_draft.h"

#include <limits>
#include <utility>

namespace thimble::service {

namespace {

OrFault<bool> FlagAt(const Json& body, std::string_view key, bool otherwise) {
  const Json* value = client_internal::FindValue(body, key);
  if (value == nullptr) return otherwise;
  return FlagOf(key, *value);
}

// What a token says: text, or its bytes where they are no whole characters.
std::string PieceJson(const std::string& piece) {
  if (IsValidUtf8(piece)) return JsonQuote(piece);
  std::string bytes;
  for (const char c : piece) bytes += Cat(bytes.empty() ? "" : ",", int{static_cast<unsigned char>(c)});
  return Cat("[", bytes, "]");
}

}  // namespace

OrFault<TokenizeRequest> ParseTokenize(const Json& body) {
  const Json* content = body.Find("content");
  if (content == nullptr || !content->IsString())
    return WrongValue("content", "text", content == nullptr ? Json() : *content);
  TokenizeRequest request;
  request.content = content->text();
  THIMBLE_RETURN_IF_ERROR(FlagAt(body, "add_special", false));
  THIMBLE_ASSIGN_OR_RETURN(request.parse_special, FlagAt(body, "parse_special", true));
  THIMBLE_ASSIGN_OR_RETURN(request.with_pieces, FlagAt(body, "with_pieces", false));
  return request;
}

WholeAnswer TokenizeAnswer(std::span<const std::int32_t> ids, std::span<const std::string> pieces) {
  std::string list;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) list += ",";
    list += i < pieces.size() ? Cat("{\"id\":", ids[i], ",\"piece\":", PieceJson(pieces[i]), "}") : Cat(ids[i]);
  }
  return JsonAnswer(Cat("{\"tokens\":[", list, "]}"));
}

OrFault<std::vector<std::int32_t>> ParseDetokenize(const Json& body) {
  const Json* tokens = body.Find("tokens");
  if (tokens == nullptr || !tokens->IsArray())
    return WrongValue("tokens", "a list of token ids", tokens == nullptr ? Json() : *tokens);
  std::vector<std::int32_t> ids;
  ids.reserve(tokens->items().size());
  for (const Json& token : tokens->items()) {
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t id,
                             WholeOf("tokens", token, 0, std::numeric_limits<std::int32_t>::max()));
    ids.push_back(static_cast<std::int32_t>(id));
  }
  return ids;
}

WholeAnswer DetokenizeAnswer(std::string_view text) { return JsonAnswer(Cat("{\"content\":", JsonQuote(text), "}")); }

WholeAnswer TemplateAnswer(std::string_view prompt) { return JsonAnswer(Cat("{\"prompt\":", JsonQuote(prompt), "}")); }

}  // namespace thimble::service
