// SPDX-License-Identifier: Apache-2.0
// Whole requests as clients send them to OpenAI's, Anthropic's and Ollama's services: the conversation in whichever
// form, and the settings beside it. What is neither used nor known to be harmless is named, never dropped in silence.
#pragma once

#include "text/chat.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble {

// How to answer, as far as the request says.
struct RequestSettings {
  std::optional<double> temperature, top_p, min_p, presence_penalty, frequency_penalty, repetition_penalty;
  std::optional<int> top_k;       // 0: all
  std::optional<int> max_tokens;  // 0: until the context is full
  std::optional<std::uint64_t> seed;
  std::vector<std::string> stop;
  std::vector<std::pair<std::int32_t, double>> logit_bias;
  std::optional<int> think_budget;  // 0: no limit
  std::optional<int> context;       // tokens the conversation may hold
  bool ignore_eos = false;
};

// Keys that a request has and nobody reads, once each: "seed", "fps" of content items.
class UnusedKeys {
 public:
  // `of`: what the key belongs to; empty: the request itself.
  void Add(std::string_view key, std::string_view of);
  [[nodiscard]] bool empty() const { return names_.empty(); }
  // All of them in one line, many shortened to the first ones and a count.
  [[nodiscard]] std::string Line() const;

 private:
  std::vector<std::string> names_;
};

struct ClientRequest {
  Chat chat;  // options.add_generation_prompt: as asked for, else unless the last message is to be continued
  std::optional<bool> add_generation_prompt;  // as asked for
  RequestSettings settings;
  std::vector<std::string> used_settings;  // keys that settings were read from
  UnusedKeys unused;
};

// A request object with "messages", or a bare list of messages (docs/cli.md lists the forms). System messages stay
// where they are. kInvalid says which message or key is wrong, and what was found.
Result<ClientRequest> ParseClientRequest(const Json& json);

// The messages of such a request.
struct ClientMessages {
  std::vector<Message> messages;
  bool continues_last = false;  // the last one says that it is the beginning of the answer
};
// Part of ParseClientRequest: `list` must be an array.
Result<ClientMessages> ParseClientMessages(const Json& list, UnusedKeys* unused);
// Part of ParseClientRequest: all keys of a request but "messages", "system" and those of its tools. Of an error,
// `wrong_key` gets the key that it is about.
Status ParseClientSettings(const Json& json, ClientRequest* request, std::string* wrong_key);

namespace client_internal {
// Null, false, "", [] and {}: as good as absent.
bool SaysNothing(const Json& value);
// Json::Find that takes null for absent.
const Json* FindValue(const Json& json, std::string_view key);
// `value` as JSON, shortened for a message.
std::string Found(const Json& value);
}  // namespace client_internal

}  // namespace thimble
