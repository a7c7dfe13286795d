// SPDX-License-Identifier: Apache-2.0
#include "common/request_head.h"

#include "base/text.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace thimble::common {

namespace {

constexpr std::size_t kLongestHead = std::size_t{64} << 10;
constexpr std::size_t kMostHeaders = 100;

Error Wrong(std::string_view what) { return Error{Code::kInvalid, Cat("[head] ", what)}; }

Result<std::string> TextIn(const Json& json, const char* key, bool may_be_missing) {
  const Json* const found = json.Find(key);
  if (found == nullptr && may_be_missing) return std::string();
  if (found == nullptr || !found->IsString()) return Wrong(Cat(key, " is a text"));
  return found->text();
}

bool IsMethod(const std::string& method) {
  constexpr std::size_t kLongest = 16;
  return !method.empty() && method.size() <= kLongest &&
         std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

Result<service::Request> HeadOf(const Json& json) {
  service::Request request;
  THIMBLE_ASSIGN_OR_RETURN(request.method, TextIn(json, "method", false));
  THIMBLE_ASSIGN_OR_RETURN(request.path, TextIn(json, "path", false));
  THIMBLE_ASSIGN_OR_RETURN(request.query, TextIn(json, "query", true));
  if (!IsMethod(request.method)) return Wrong("method is some capital letters");
  if (!request.path.starts_with('/')) return Wrong("path begins with '/'");
  const Json* const headers = json.Find("headers");
  if (headers == nullptr) return request;
  if (!headers->IsArray() || headers->items().size() > kMostHeaders)
    return Wrong(Cat("headers is a list of at most ", kMostHeaders));
  for (const Json& item : headers->items()) {
    const bool is_pair = item.IsArray() && item.items().size() == 2 && item.items()[0].IsString() &&
                         item.items()[1].IsString() && !item.items()[0].text().empty();
    if (!is_pair) return Wrong("a header is [name, value], both texts");
    request.headers.push_back({AsciiLower(item.items()[0].text()), item.items()[1].text()});
  }
  return request;
}

Result<service::Request> ParseHead(std::string_view text) {
  if (text.size() > kLongestHead) return Wrong(Cat("at most ", kLongestHead, " bytes, found ", text.size()));
  THIMBLE_ASSIGN_OR_RETURN(const Json json, Json::Parse(text, "head"));
  if (!json.IsObject()) return Wrong("must be an object");
  return HeadOf(json);
}

Json HeadersJson(std::span<const service::Header> headers) {
  std::vector<Json> items;
  items.reserve(headers.size());
  for (const service::Header& header : headers)
    items.push_back(Json::Array({Json::String(header.name), Json::String(header.value)}));
  return Json::Array(std::move(items));
}

std::string HeadersText(std::span<const service::Header> headers) { return HeadersJson(headers).Dump(); }

}  // namespace thimble::common
