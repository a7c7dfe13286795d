// SPDX-License-Identifier: Apache-2.0
// RequestDraft: what the forms of all APIs have in common on the way from a body to an Ask. Each key is read by exactly
// one rule: the form's own, one of those here, or text/client_request.h's. Keys that would change the answer's meaning
// and are not supported are faults that name them; others that nobody knows are left out and reported.
#pragma once

#include "files/json.h"
#include "service/ask.h"
#include "service/or_fault.h"
#include "text/client_request.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

inline constexpr std::size_t kMostStops = 64;
inline constexpr std::size_t kMostStopBytes = 1'000;
inline constexpr std::size_t kMostBiases = 1'024;
inline constexpr int kMostTopLogprobs = 20;
inline constexpr std::size_t kMostTools = 512;
inline constexpr std::size_t kMostPictures = 256;

struct RequestDraft {
  Ask ask;
  ClientRequest client;               // messages, settings, and keys that are not used
  std::optional<bool> asks_logprobs;  // "logprobs" of a chat
  std::vector<Json> tools;            // as the client sent them, without those that nobody here can call
  bool has_strict_tool = false;
  bool has_length = false;  // by a key for which 0 means no tokens; elsewhere it means no limit
  bool one_call = false;
  bool is_for_count = false;  // nothing is answered: what an answer must be like is not looked at
  // Of the body; nullptr: it says nothing.
  const Json* messages = nullptr;
  const Json* tool_choice = nullptr;
  const Json* format = nullptr;  // of the answer
  const Json* schema = nullptr;  // of the answer, by a key of its own
  const Json* prompt = nullptr;
  const Json* system = nullptr;
};

struct KeyRule {
  std::string_view key;
  OrFault<Done> (*read)(std::string_view key, const Json& value, RequestDraft* draft);
  bool is_passed_on = false;  // only checked here: text/client_request.h reads it
};

// Reads all keys of `body`, an object that must outlive the draft: by `own` rules first. Null is absent.
OrFault<Done> ReadKeys(const Json& body, std::span<const KeyRule> own, RequestDraft* draft);

// What a client may ask about tools.
struct ToolChoice {
  bool drops_tools = false;
  bool must_call = false;
  std::vector<std::string> names;  // only these; empty: all
};
// Makes messages, pictures, tools and settings an Ask. `choice`: of tools, by the form's own words.
OrFault<Done> FinishChat(const ToolChoice& choice, RequestDraft* draft);
// The settings that no conversation is needed for.
void FinishSettings(RequestDraft* draft);
// The answer shall be as `schema` says; nullptr or an empty one: any JSON object.
OrFault<Done> AskForJson(std::string_view key, const Json* schema, bool is_strict, RequestDraft* draft);

// A key's value; the fault names the key and what it must be.
Fault WrongValue(std::string_view key, std::string_view rule, const Json& value);
Fault NotSupported(std::string_view key, std::string_view why);
OrFault<bool> FlagOf(std::string_view key, const Json& value);
OrFault<std::int64_t> WholeOf(std::string_view key, const Json& value, std::int64_t least, std::int64_t most);
OrFault<double> NumberOf(std::string_view key, const Json& value, double least, double most);
OrFault<std::string> WordOf(std::string_view key, const Json& value, std::size_t most_bytes);
// "type" of an object; empty: it has none.
std::string TypeOf(const Json& value);

// Rules that do nothing with what stands there, or remember it.
OrFault<Done> IgnoreKey(std::string_view key, const Json& value, RequestDraft* draft);
OrFault<Done> ReadPositiveLength(std::string_view key, const Json& value, RequestDraft* draft);

}  // namespace thimble::service
