// SPDX-License-Identifier: Apache-2.0
#include "service/request_draft.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "service/request_values.h"
#include "text/tool_schema.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace thimble::service {

namespace {

// Keys that would change what is answered, with the value that changes nothing (beside null, false, 0 and empty ones).
struct Refused {
  std::string_view key;
  double neutral = 0;
};
constexpr Refused kRefused[] = {{"grammar"},
                                {"guided_regex"},
                                {"guided_choice"},
                                {"guided_grammar"},
                                {"structured_outputs"},
                                {"mirostat"},
                                {"dry_multiplier"},
                                {"xtc_probability"},
                                {"typical_p", 1},
                                {"tfs_z", 1},
                                {"top_a"},
                                {"dynatemp_range"},
                                {"top_n_sigma", -1},
                                {"min_tokens"},
                                {"bad_words"},
                                {"stop_token_ids"},
                                {"prompt_logprobs"},
                                {"logits_processors"},
                                {"lora"},
                                {"cfg_scale", 1},
                                {"guidance_scale", 1},
                                {"use_beam_search"},
                                {"length_penalty", 1},
                                {"t_max_predict_ms"},
                                {"best_of", 1},
                                {"n_indent"},
                                {"previous_response_id"},
                                {"allowed_token_ids"},
                                {"banned_strings"},
                                {"negative_prompt"}};

Fault Wrong(std::string_view key, std::string message) {
  Fault fault;
  fault.param = key;
  fault.message = std::move(message);
  return fault;
}

}  // namespace

Fault WrongValue(std::string_view key, std::string_view rule, const Json& value) {
  return Wrong(key, Cat("[request] \"", key, "\" must be ", rule, ", found ", client_internal::Found(value)));
}

Fault NotSupported(std::string_view key, std::string_view why) {
  Fault fault = Wrong(key, Cat("[request] \"", key, "\" ", why));
  fault.code = "unsupported_parameter";
  return fault;
}

OrFault<bool> FlagOf(std::string_view key, const Json& value) {
  const auto flag = value.AsBool();
  if (!flag) return WrongValue(key, "true or false", value);
  return *flag;
}

OrFault<std::int64_t> WholeOf(std::string_view key, const Json& value, std::int64_t least, std::int64_t most) {
  const auto whole = value.AsInt();
  if (!whole || *whole < least || *whole > most)
    return WrongValue(key, Cat("a whole number from ", least, " to ", most), value);
  return *whole;
}

OrFault<double> NumberOf(std::string_view key, const Json& value, double least, double most) {
  const auto number = value.AsDouble();
  if (!number || !(*number >= least) || !(*number <= most))
    return WrongValue(key, Cat("a number from ", least, " to ", most), value);
  return *number;
}

OrFault<std::string> WordOf(std::string_view key, const Json& value, std::size_t most_bytes) {
  if (!value.IsString() || value.text().size() > most_bytes)
    return WrongValue(key, Cat("text of at most ", most_bytes, " bytes"), value);
  return value.text();
}

std::string TypeOf(const Json& value) {
  const Json* type = value.Find("type");
  return type != nullptr && type->IsString() ? type->text() : "";
}

OrFault<Done> IgnoreKey(std::string_view /*key*/, const Json& /*value*/, RequestDraft* /*draft*/) { return Done{}; }

OrFault<Done> ReadPositiveLength(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(const std::int64_t length, WholeOf(key, value, 0, std::numeric_limits<std::int32_t>::max()));
  draft->client.settings.max_tokens = static_cast<int>(length);
  draft->has_length = true;
  return Done{};
}

OrFault<Done> ReadKeys(const Json& body, std::span<const KeyRule> own, RequestDraft* draft) {
  const std::span<const KeyRule> common = CommonKeyRules();
  const auto find = [](std::span<const KeyRule> rules, std::string_view key) {
    const auto at = std::find_if(rules.begin(), rules.end(), [&](const KeyRule& rule) { return rule.key == key; });
    return at == rules.end() ? nullptr : &*at;
  };
  std::vector<Json::Member> rest;
  for (const auto& [key, value] : body.members()) {
    if (value.IsNull()) continue;
    const KeyRule* rule = find(own, key);
    if (rule == nullptr) rule = find(common, key);
    if (rule != nullptr) {
      THIMBLE_RETURN_IF_ERROR(rule->read(rule->key, value, draft));
      if (rule->is_passed_on) rest.emplace_back(key, value);
      continue;
    }
    const auto* refused =
        std::find_if(std::begin(kRefused), std::end(kRefused), [&](const Refused& one) { return one.key == key; });
    if (refused == std::end(kRefused)) {
      rest.emplace_back(key, value);
    } else if (const auto number = value.AsDouble();
               !client_internal::SaysNothing(value) && number != 0.0 && number != refused->neutral) {
      return NotSupported(key, "is not supported: leave it out");
    }
  }
  std::string wrong_key;
  const auto max_tokens = std::exchange(draft->client.settings.max_tokens, std::nullopt);
  if (const Status read = ParseClientSettings(Json::Object(std::move(rest)), &draft->client, &wrong_key); !read.ok()) {
    Fault fault = FaultOf(read.error());
    fault.param = std::move(wrong_key);
    return fault;
  }
  // OpenAI's and Anthropic's names win over others beside them.
  if (max_tokens) draft->client.settings.max_tokens = max_tokens;
  return Done{};
}

void FinishSettings(RequestDraft* draft) {
  Ask& ask = draft->ask;
  GenerateRequest& generate = ask.generate;
  RequestSettings& settings = draft->client.settings;
  generate.sampling = {settings.temperature,
                       settings.top_p,
                       settings.min_p,
                       settings.presence_penalty,
                       settings.frequency_penalty,
                       settings.repetition_penalty,
                       settings.top_k};
  generate.logit_bias = std::move(settings.logit_bias);
  generate.seed = settings.seed;
  generate.stop_strings = std::move(settings.stop);
  generate.think_budget = settings.think_budget;
  generate.ignore_eos = settings.ignore_eos;
  // A limit of 0 tokens has no word of its own in a GenerateRequest.
  const bool is_limited = draft->has_length && settings.max_tokens.has_value();
  ask.writes_nothing = is_limited && settings.max_tokens == 0;
  generate.max_tokens = ask.writes_nothing ? 1 : settings.max_tokens.value_or(0);
  ask.ignored = draft->client.unused.Line();
}

}  // namespace thimble::service
