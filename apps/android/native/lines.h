// SPDX-License-Identifier: Apache-2.0
// What the app says to the program, line by line (README.md, "The lines"). Untrusted: bounds first.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "engine/governor.h"
#include "files/json.h"
#include "service/exchange.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace thimble::android {

inline constexpr std::size_t kLongestLine = std::size_t{1} << 20;
inline constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40;  // behind one line

using AnswerId = std::uint64_t;  // 1 to 2^53, the app's choice

struct StartLine {
  std::string version;
  std::string models;   // folders
  std::string chats;    // empty: conversations are not kept
  std::string cache;    // for what can be made again
  std::string builtin;  // a model file; empty: none
  int threads = 0;      // 0: as this processor is
  int context = 4096;
  KvType kv = KvType::kF16;
  std::uint64_t memory_bytes = 0;  // that the program may take; 0: unknown
  Json page = Json::Object();
};

struct RequestLine {
  AnswerId id = 0;
  service::Request request;
  bool has_more = false;  // the body goes on in lines of its own
};

struct BodyLine {
  AnswerId id = 0;
  bool has_more = false;
};

struct CancelLine {
  AnswerId id = 0;
};

struct ReadingsLine {
  DeviceReadings readings;
  PowerMode mode = PowerMode::kBalanced;
};

struct StopLine {};

using AppLine = std::variant<StartLine, RequestLine, BodyLine, CancelLine, ReadingsLine, StopLine>;

struct ReadLine {
  // kInvalid: it says none of these things.
  Result<AppLine> line;
  // Of whatever follows the line and its newline, be the line right or wrong; nullopt: nothing does.
  std::optional<std::uint64_t> bytes;
};

// One line without its newline, of at most kLongestLine bytes.
ReadLine ParseLine(std::string_view text);

}  // namespace thimble::android
