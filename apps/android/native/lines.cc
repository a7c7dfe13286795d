// SPDX-License-Identifier: Apache-2.0
#include "android/native/lines.h"

#include "base/text.h"
#include "common/request_head.h"

#include <utility>

namespace thimble::android {

namespace {

constexpr std::int64_t kLastId = std::int64_t{1} << 53;
constexpr std::int64_t kMostThreads = 64;
constexpr std::int64_t kMostContext = std::int64_t{1} << 20;
constexpr std::int64_t kMostMemory = std::int64_t{1} << 46;
constexpr std::size_t kLongestPath = 4096;

Error Wrong(std::string_view what) { return Error{Code::kInvalid, Cat("[line] ", what)}; }

// The number under `key`, or `value` where it is not there.
Result<std::int64_t> NumberIn(const Json& json, const char* key, std::int64_t value, std::int64_t least,
                              std::int64_t most) {
  const Json* const found = json.Find(key);
  if (found == nullptr) return value;
  const auto number = found->AsInt();
  if (!number.has_value() || *number < least || *number > most)
    return Wrong(Cat(key, " is a number from ", least, " to ", most));
  return *number;
}

Result<std::string> TextIn(const Json& json, const char* key, std::size_t longest) {
  const Json* const found = json.Find(key);
  if (found == nullptr || found->IsNull()) return std::string();
  if (!found->IsString() || found->text().size() > longest || found->text().find('\0') != std::string::npos)
    return Wrong(Cat(key, " is a text of at most ", longest, " bytes"));
  return found->text();
}

Result<bool> FlagIn(const Json& json, const char* key) {
  const Json* const found = json.Find(key);
  if (found == nullptr) return false;
  const auto flag = found->AsBool();
  if (!flag.has_value()) return Wrong(Cat(key, " is true or false"));
  return *flag;
}

Result<AnswerId> IdOf(const Json& json) {
  const auto id = json.AsInt();
  if (!id.has_value() || *id < 1 || *id > kLastId) return Wrong(Cat("an id is a number from 1 to ", kLastId));
  return static_cast<AnswerId>(*id);
}

Result<AppLine> StartOf(const Json& json) {
  if (!json.IsObject()) return Wrong("start is an object");
  StartLine start;
  THIMBLE_ASSIGN_OR_RETURN(start.version, TextIn(json, "version", 64));
  THIMBLE_ASSIGN_OR_RETURN(start.models, TextIn(json, "models", kLongestPath));
  THIMBLE_ASSIGN_OR_RETURN(start.chats, TextIn(json, "chats", kLongestPath));
  THIMBLE_ASSIGN_OR_RETURN(start.cache, TextIn(json, "cache", kLongestPath));
  THIMBLE_ASSIGN_OR_RETURN(start.builtin, TextIn(json, "builtin", kLongestPath));
  if (start.models.empty()) return Wrong("start says where the models lie: \"models\" is a folder");
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t threads, NumberIn(json, "threads", 0, 0, kMostThreads));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t context, NumberIn(json, "context", start.context, 1, kMostContext));
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t memory, NumberIn(json, "memory_bytes", 0, 0, kMostMemory));
  start.threads = static_cast<int>(threads);
  start.context = static_cast<int>(context);
  start.memory_bytes = static_cast<std::uint64_t>(memory);
  THIMBLE_ASSIGN_OR_RETURN(const std::string kv, TextIn(json, "kv", 16));
  if (!kv.empty() && kv != "f16" && kv != "q8_0") return Wrong("kv is f16 or q8_0");
  if (kv == "q8_0") start.kv = KvType::kQ8;
  if (const Json* const page = json.Find("page"); page != nullptr) {
    if (!page->IsObject()) return Wrong("page is an object");
    start.page = *page;
  }
  return AppLine(std::move(start));
}

Result<AppLine> RequestOf(const Json& json, const Json& id) {
  RequestLine line;
  THIMBLE_ASSIGN_OR_RETURN(line.id, IdOf(id));
  THIMBLE_ASSIGN_OR_RETURN(line.request, common::HeadOf(json));
  THIMBLE_ASSIGN_OR_RETURN(line.has_more, FlagIn(json, "more"));
  return AppLine(std::move(line));
}

Result<AppLine> BodyOf(const Json& json, const Json& id) {
  BodyLine line;
  THIMBLE_ASSIGN_OR_RETURN(line.id, IdOf(id));
  THIMBLE_ASSIGN_OR_RETURN(line.has_more, FlagIn(json, "more"));
  return AppLine(line);
}

Result<AppLine> CancelOf(const Json& id) {
  CancelLine line;
  THIMBLE_ASSIGN_OR_RETURN(line.id, IdOf(id));
  return AppLine(line);
}

Result<AppLine> ReadingsOf(const Json& json) {
  if (!json.IsObject()) return Wrong("readings is an object");
  ReadingsLine line;
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t thermal, NumberIn(json, "thermal", -1, -1, 6));
  line.readings.thermal = static_cast<int>(thermal);
  if (const Json* const headroom = json.Find("headroom"); headroom != nullptr && !headroom->IsNull()) {
    const auto value = headroom->AsDouble();
    constexpr double kMost = 1000;
    if (!value.has_value() || !(*value >= 0) || *value > kMost) return Wrong("headroom is a number from 0 on, or null");
    line.readings.headroom = value;
  }
  if (const Json* const battery = json.Find("battery"); battery != nullptr && !battery->IsNull()) {
    THIMBLE_ASSIGN_OR_RETURN(const std::int64_t percent, NumberIn(json, "battery", 0, 0, 100));
    line.readings.battery = static_cast<int>(percent);
  }
  THIMBLE_ASSIGN_OR_RETURN(line.readings.is_charging, FlagIn(json, "charging"));
  THIMBLE_ASSIGN_OR_RETURN(line.readings.saves_power, FlagIn(json, "power_save"));
  THIMBLE_ASSIGN_OR_RETURN(const std::string mode, TextIn(json, "mode", 16));
  if (mode == "cool") line.mode = PowerMode::kCool;
  if (mode == "fast") line.mode = PowerMode::kFast;
  if (!mode.empty() && mode != "cool" && mode != "balanced" && mode != "fast")
    return Wrong("mode is cool, balanced or fast");
  return AppLine(line);
}

Result<AppLine> LineOf(const Json& json) {
  if (const Json* const found = json.Find("request"); found != nullptr) return RequestOf(json, *found);
  if (const Json* const found = json.Find("body"); found != nullptr) return BodyOf(json, *found);
  if (const Json* const found = json.Find("cancel"); found != nullptr) return CancelOf(*found);
  if (const Json* const found = json.Find("readings"); found != nullptr) return ReadingsOf(*found);
  if (const Json* const found = json.Find("start"); found != nullptr) return StartOf(*found);
  if (json.Find("stop") != nullptr) return AppLine(StopLine());
  return Wrong("says none of start, request, body, cancel, readings and stop");
}

}  // namespace

ReadLine ParseLine(std::string_view text) {
  if (text.size() > kLongestLine) return {Wrong(Cat("a line has at most ", kLongestLine, " bytes")), std::nullopt};
  auto json = Json::Parse(text, "line");
  if (!json.ok()) return {Error{Code::kInvalid, json.error().message}, std::nullopt};
  if (!json.value().IsObject()) return {Wrong("is an object"), std::nullopt};
  std::optional<std::uint64_t> bytes;
  if (json.value().Find("bytes") != nullptr) {
    const auto count = NumberIn(json.value(), "bytes", 0, 0, static_cast<std::int64_t>(kMostBytes));
    if (!count.ok()) return {count.error(), std::nullopt};
    bytes = static_cast<std::uint64_t>(count.value());
  }
  auto line = LineOf(json.value());
  const bool may_have_bytes = line.ok() && (std::holds_alternative<RequestLine>(line.value()) ||
                                            std::holds_alternative<BodyLine>(line.value()));
  if (line.ok() && bytes.has_value() && !may_have_bytes) line = Wrong("bytes follow a request or a body only");
  return {std::move(line), bytes};
}

}  // namespace thimble::android
