// SPDX-License-Identifier: Apache-2.0
#include "wasm/page_messages.h"

#include "base/text.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace thimble::browser {

namespace {

constexpr std::size_t kLongestHead = std::size_t{64} << 10;
constexpr std::size_t kMostHeaders = 100;
constexpr std::int64_t kMostThreads = 64;
constexpr std::int64_t kMostContext = 1 << 20;
constexpr std::int64_t kMostMemory = std::int64_t{1} << 32;

Error Wrong(std::string_view place, std::string_view what) {
  return Error{Code::kInvalid, Cat("[", place, "] ", what)};
}

Result<Json> ParseObject(std::string_view text, std::string_view place) {
  if (text.size() > kLongestHead) return Wrong(place, Cat("at most ", kLongestHead, " bytes, found ", text.size()));
  THIMBLE_ASSIGN_OR_RETURN(Json json, Json::Parse(text, std::string(place)));
  if (!json.IsObject()) return Wrong(place, "must be an object");
  return json;
}

// The number under `key`, or `value` where it is not there.
Result<std::int64_t> NumberIn(const Json& json, const char* key, std::int64_t value, std::int64_t most) {
  const Json* const found = json.Find(key);
  if (found == nullptr) return value;
  const auto number = found->AsInt();
  if (!number.has_value() || *number < 1 || *number > most)
    return Wrong("start", Cat(key, " is a number from 1 to ", most));
  return *number;
}

Result<std::string> TextIn(const Json& json, const char* key, std::string_view place, bool may_be_missing) {
  const Json* const found = json.Find(key);
  if (found == nullptr && may_be_missing) return std::string();
  if (found == nullptr || !found->IsString()) return Wrong(place, Cat(key, " is a text"));
  return found->text();
}

bool IsMethod(const std::string& method) {
  constexpr std::size_t kLongest = 16;
  return !method.empty() && method.size() <= kLongest &&
         std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

Result<StartConfig> ParseStartConfig(std::string_view text) {
  THIMBLE_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "start"));
  StartConfig config;
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t threads, NumberIn(json, "threads", config.threads, kMostThreads));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t context, NumberIn(json, "context", config.context, kMostContext));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t memory, NumberIn(json, "memory_bytes", 0, kMostMemory));
  config.threads = static_cast<int>(threads);
  config.context = static_cast<int>(context);
  config.memory_bytes = static_cast<std::uint64_t>(memory);
  THIMBLE_ASSIGN_OR_RETURN(const std::string kv, TextIn(json, "kv", "start", true));
  if (!kv.empty() && kv != "f16" && kv != "q8_0") return Wrong("start", "kv is f16 or q8_0");
  if (kv == "q8_0") config.kv = KvType::kQ8;
  THIMBLE_ASSIGN_OR_RETURN(config.version, TextIn(json, "version", "start", true));
  if (const Json* const page = json.Find("page"); page != nullptr) {
    if (!page->IsObject()) return Wrong("start", "page is an object");
    config.page = *page;
  }
  return config;
}

Result<service::Request> ParseHead(std::string_view text) {
  THIMBLE_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "head"));
  service::Request request;
  THIMBLE_ASSIGN_OR_RETURN(request.method, TextIn(json, "method", "head", false));
  THIMBLE_ASSIGN_OR_RETURN(request.path, TextIn(json, "path", "head", false));
  THIMBLE_ASSIGN_OR_RETURN(request.query, TextIn(json, "query", "head", true));
  if (!IsMethod(request.method)) return Wrong("head", "method is some capital letters");
  if (!request.path.starts_with('/')) return Wrong("head", "path begins with '/'");
  const Json* const headers = json.Find("headers");
  if (headers == nullptr) return request;
  if (!headers->IsArray() || headers->items().size() > kMostHeaders)
    return Wrong("head", Cat("headers is a list of at most ", kMostHeaders));
  for (const Json& item : headers->items()) {
    const bool is_pair = item.IsArray() && item.items().size() == 2 && item.items()[0].IsString() &&
                         item.items()[1].IsString() && !item.items()[0].text().empty();
    if (!is_pair) return Wrong("head", "a header is [name, value], both texts");
    request.headers.push_back({AsciiLower(item.items()[0].text()), item.items()[1].text()});
  }
  return request;
}

std::string HeadersText(std::span<const service::Header> headers) {
  std::vector<Json> items;
  items.reserve(headers.size());
  for (const service::Header& header : headers)
    items.push_back(Json::Array({Json::String(header.name), Json::String(header.value)}));
  return Json::Array(std::move(items)).Dump();
}

}  // namespace thimble::browser
