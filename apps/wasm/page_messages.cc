// SPDX-License-Identifier: Apache-2.0
#include "wasm/page_messages.h"

#include "base/text.h"

#include <utility>

namespace thimble::browser {

namespace {

constexpr std::size_t kLongest = std::size_t{64} << 10;
constexpr std::int64_t kMostThreads = 64;
constexpr std::int64_t kMostContext = 1 << 20;
constexpr std::int64_t kMostMemory = std::int64_t{1} << 32;

Error Wrong(std::string_view place, std::string_view what) {
  return Error{Code::kInvalid, Cat("[", place, "] ", what)};
}

Result<Json> ParseObject(std::string_view text, std::string_view place) {
  if (text.size() > kLongest) return Wrong(place, Cat("at most ", kLongest, " bytes, found ", text.size()));
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

}  // namespace thimble::browser
