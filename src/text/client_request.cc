// SPDX-License-Identifier: Apache-2.0
#include "text/client_request.h"

#include "base/outside_text.h"
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace thimble {

namespace client_internal {

bool SaysNothing(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kNull:
      return true;
    case Json::Kind::kBool:
      return !value.bool_value();
    case Json::Kind::kString:
      return value.text().empty();
    case Json::Kind::kArray:
      return value.items().empty();
    case Json::Kind::kObject:
      return value.members().empty();
    default:
      return false;
  }
}

const Json* FindValue(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value != nullptr && value->IsNull() ? nullptr : value;
}

std::string Found(const Json& value) {
  constexpr std::size_t kShown = 60;
  return EscapeControls(Excerpt(value.Dump(), kShown));
}

}  // namespace client_internal

using client_internal::FindValue;
using client_internal::Found;
using client_internal::SaysNothing;

void UnusedKeys::Add(std::string_view key, std::string_view of) {
  constexpr std::size_t kShown = 40;
  std::string name = JsonQuote(Excerpt(key, kShown));
  if (!of.empty()) name += Cat(" of ", of);
  constexpr std::size_t kMost = 1000;  // nobody reads so many, and each is compared with all
  if (names_.size() < kMost && std::find(names_.begin(), names_.end(), name) == names_.end())
    names_.push_back(std::move(name));
}

std::string UnusedKeys::Line() const {
  constexpr std::size_t kShown = 12;
  std::string line;
  for (std::size_t i = 0; i < std::min(names_.size(), kShown); ++i) line += Cat(i == 0 ? "" : ", ", names_[i]);
  return names_.size() > kShown ? Cat(line, " and ", names_.size() - kShown, " more") : line;
}

namespace {

constexpr int kMost = 1 << 24;

// How a service is to do its work, who asks, or what never changes an answer here. Everything else that says something
// and is not used is named.
constexpr std::string_view kHarmless[] = {
    // who asks, which model, and how the answer is sent
    "model", "stream", "stream_options", "user", "metadata", "store", "request_id", "id", "object", "created",
    "safety_identifier", "service_tier", "priority", "include", "background", "return_progress", "timings_per_token",
    "include_reasoning", "provider", "transforms", "route", "models", "usage", "anthropic_version", "extra_headers",
    "extra_query", "timeout",
    // what is kept between requests
    "prompt_cache_key", "prompt_cache_retention", "cache_prompt", "cache_control", "id_slot", "slot_id", "keep_alive",
    "prediction", "n_keep", "num_keep",
    // the machine
    "num_thread", "num_gpu", "num_batch", "main_gpu", "use_mmap", "use_mlock", "numa", "low_vram", "f16_kv",
    "vocab_only", "logits_all",
    // what is done anyway
    "spaces_between_special_tokens", "reasoning_format", "separate_reasoning"};

struct NumberSetting {
  std::string_view key;
  std::optional<double> RequestSettings::* value;
  double least;
  double most;
};
constexpr double kNoLimit = std::numeric_limits<double>::max();
constexpr NumberSetting kNumbers[] = {
    {"temperature", &RequestSettings::temperature, 0, 100},
    {"top_p", &RequestSettings::top_p, 0, 1},
    {"min_p", &RequestSettings::min_p, 0, 1},
    {"presence_penalty", &RequestSettings::presence_penalty, -kNoLimit, kNoLimit},
    {"frequency_penalty", &RequestSettings::frequency_penalty, -kNoLimit, kNoLimit},
    {"repetition_penalty", &RequestSettings::repetition_penalty, 0.01, 100},
    {"repeat_penalty", &RequestSettings::repetition_penalty, 0.01, 100},
};

constexpr std::string_view kLengths[] = {"max_tokens",     "max_completion_tokens", "max_output_tokens",
                                         "max_new_tokens", "num_predict",           "n_predict"};
constexpr std::string_view kStops[] = {"stop", "stop_sequences", "stop_strings"};
constexpr std::string_view kThinkBudgets[] = {"thinking_budget", "thinking_budget_tokens", "thinking_token_budget"};

template <std::size_t N>
bool Has(const std::string_view (&names)[N], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Error Wrong(std::string_view key, std::string_view rule, const Json& value) {
  return Error{Code::kInvalid, Cat("[request] \"", key, "\" must be ", rule, ", found ", Found(value))};
}

class SettingsReader {
 public:
  explicit SettingsReader(ClientRequest* out) : out_(*out), settings_(out->settings) {}

  // All members of the request, or of an object in it: `of` names that one.
  Status ReadAll(const Json& json, std::string_view of) {
    for (const auto& [key, value] : json.members()) {
      if (value.IsNull()) continue;
      if (of.empty()) key_ = key;
      THIMBLE_ASSIGN_OR_RETURN(const bool is_known, Read(key, value));
      if (is_known || Has(kHarmless, key)) continue;
      // Where true is what is done anyway, false is a wish; elsewhere false and 0 switch off what there is not.
      const bool is_wish = key == "parallel_tool_calls" || key == "do_sample" || key == "skip_special_tokens";
      const bool is_off = SaysNothing(value) || value.AsDouble() == 0.0;
      if (is_wish ? value.AsBool() == false : !is_off) out_.unused.Add(key, of);
    }
    return Done{};
  }

  // Of the request, the one that was read last.
  [[nodiscard]] const std::string& key() const { return key_; }

  // What was said about thinking, by the most exact word of it.
  void Finish() {
    Chat& chat = out_.chat;
    chat.options.enable_thinking = thinks_ ? thinks_ : effort_thinks_;
    if (drops_tools_) chat.tools.clear();
    chat.options.add_generation_prompt = out_.add_generation_prompt.value_or(!chat.options.continue_final_message);
  }

 private:
  Result<bool> Read(const std::string& key, const Json& value) {
    if (key == "messages" || key == "tools" || key == "functions" || key == "system") return true;
    if (key == "options" || key == "extra_body") {
      if (value.IsObject()) THIMBLE_RETURN_IF_ERROR(ReadAll(value, key));
      return true;
    }
    THIMBLE_ASSIGN_OR_RETURN(const bool is_setting, ReadSetting(key, value));
    if (is_setting) {
      out_.used_settings.push_back(key);
      return true;
    }
    THIMBLE_ASSIGN_OR_RETURN(const bool is_thinking, ReadThinking(key, value));
    return is_thinking || ReadTemplateOption(key, value) || ReadDefault(key, value);
  }

  Result<bool> ReadSetting(const std::string& key, const Json& value) {
    for (const NumberSetting& number : kNumbers) {
      if (key != number.key) continue;
      const auto read = value.AsDouble();
      if (!read || !std::isfinite(*read) || *read < number.least || *read > number.most) {
        const bool is_bounded = number.most < kNoLimit;
        return Wrong(key, is_bounded ? Cat("a number from ", number.least, " to ", number.most) : "a number", value);
      }
      settings_.*number.value = read;
      return true;
    }
    if (Has(kLengths, key)) return ReadLength(key, value);
    if (Has(kStops, key)) return ReadStop(key, value);
    if (key == "top_k") {
      THIMBLE_ASSIGN_OR_RETURN(settings_.top_k, ReadCount(key, value, -1, kMost));
      settings_.top_k = std::max(*settings_.top_k, 0);  // -1 is vLLM's word for all
    } else if (key == "seed") {
      return ReadSeed(value);
    } else if (key == "num_ctx") {
      THIMBLE_ASSIGN_OR_RETURN(settings_.context, ReadCount(key, value, 1, kMost));
    } else if (key == "ignore_eos") {
      settings_.ignore_eos = value.AsBool().value_or(false);
    } else if (key == "logit_bias") {
      return ReadBias(value);
    } else {
      return false;
    }
    return true;
  }

  static Result<int> ReadCount(std::string_view key, const Json& value, int least, int most) {
    const auto count = value.AsInt();
    if (!count || *count < least || *count > most)
      return Wrong(key, Cat("a whole number from ", least, " to ", most), value);
    return static_cast<int>(*count);
  }

  Result<bool> ReadLength(const std::string& key, const Json& value) {
    const auto count = value.AsInt();
    if (!count || *count == 0 || *count < -2) return Wrong(key, "a whole number, 1 or more", value);
    // -1 and -2 are Ollama's words for no limit.
    const auto length = static_cast<int>(std::clamp<std::int64_t>(*count, 0, std::numeric_limits<int>::max()));
    // OpenAI's newer name wins over the older one beside it.
    if (key == "max_completion_tokens" || !settings_.max_tokens) settings_.max_tokens = length;
    return true;
  }

  Result<bool> ReadStop(const std::string& key, const Json& value) {
    const std::vector<Json> texts = value.IsArray() ? value.items() : std::vector<Json>{value};
    for (const Json& text : texts) {
      if (!text.IsString()) return Wrong(key, "a text or a list of texts", value);
      if (!text.text().empty()) settings_.stop.push_back(text.text());
    }
    return true;
  }

  Result<bool> ReadSeed(const Json& value) {
    std::uint64_t seed = 0;
    const std::string& text = value.text();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (value.IsNumber() && error == std::errc() && end == text.data() + text.size()) {
      settings_.seed = seed;
    } else if (const auto number = value.AsInt(); number && *number >= 0) {
      settings_.seed = static_cast<std::uint64_t>(*number);
    } else if (!number || *number != -1) {  // -1: any
      return Wrong("seed", "a whole number from 0 to 18446744073709551615", value);
    }
    return true;
  }

  // {"123": -5} or [[123, -5]].
  Result<bool> ReadBias(const Json& value) {
    constexpr std::string_view kRule = "an object of token ids and numbers, {\"123\": -5}";
    const auto add = [&](const std::string& id_text, const Json& bias) {
      std::int32_t id = 0;
      const auto [end, error] = std::from_chars(id_text.data(), id_text.data() + id_text.size(), id);
      const auto number = bias.AsDouble();
      const bool is_right = error == std::errc() && end == id_text.data() + id_text.size() && number.has_value() &&
                            std::isfinite(*number);
      if (is_right) settings_.logit_bias.emplace_back(id, *number);
      return is_right;
    };
    if (value.IsObject()) {
      for (const auto& [id, bias] : value.members()) {
        if (!add(id, bias)) return Wrong("logit_bias", kRule, value);
      }
      return true;
    }
    if (!value.IsArray()) return Wrong("logit_bias", kRule, value);
    for (const Json& pair : value.items()) {
      if (!pair.IsArray() || pair.items().size() != 2 || !add(pair.items()[0].text(), pair.items()[1]))
        return Wrong("logit_bias", kRule, value);
    }
    return true;
  }

  // "none", false and "low", true, ...: whether to reason at all. How hard has no place in the model's form.
  std::optional<bool> ThinksBy(const Json& value) {
    if (const auto flag = value.AsBool(); flag.has_value()) return flag;
    if (!value.IsString() || value.text().empty() || value.text() == "auto" || value.text() == "default") return {};
    return value.text() != "none" && value.text() != "off" && value.text() != "disabled" && value.text() != "false";
  }

  // 0: no thoughts at all, less than that: no limit.
  Status ReadBudget(std::string_view key, const Json& value) {
    THIMBLE_ASSIGN_OR_RETURN(const int budget, ReadCount(key, value, -1, std::numeric_limits<int>::max()));
    if (budget == 0)
      effort_thinks_ = false;
    else
      settings_.think_budget = std::clamp(budget, 0, kMost);
    return Done{};
  }

  Result<bool> ReadThinking(const std::string& key, const Json& value) {
    if (Has(kThinkBudgets, key)) {
      out_.used_settings.push_back(key);
      THIMBLE_RETURN_IF_ERROR(ReadBudget(key, value));
    } else if (key == "enable_thinking") {
      if (const auto flag = value.AsBool(); flag.has_value()) thinks_ = flag;
    } else if (key == "chat_template_kwargs") {
      for (const auto& [name, inner] : value.members()) {
        const bool is_known = name == "enable_thinking" || name == "thinking";
        if (is_known) thinks_ = inner.AsBool();
        if (!is_known && !ReadTemplateOption(name, inner) && !SaysNothing(inner)) out_.unused.Add(name, key);
      }
    } else if (key == "reasoning_effort" || key == "think" ||
               ((key == "reasoning" || key == "thinking") && !value.IsObject())) {
      if (const auto thinks = ThinksBy(value); thinks.has_value()) effort_thinks_ = thinks;
    } else if (key == "reasoning" || key == "thinking") {
      for (const auto& [name, inner] : value.members()) {
        if (name == "effort" || name == "enabled" || name == "type") {
          if (const auto thinks = ThinksBy(inner); thinks.has_value()) effort_thinks_ = thinks;
        } else if (name == "max_tokens" || name == "budget_tokens") {
          out_.used_settings.push_back(name);
          if (!inner.IsNull()) THIMBLE_RETURN_IF_ERROR(ReadBudget(name, inner));
        }  // "exclude", "summary", "display": whether it is shown
      }
    } else {
      return false;
    }
    return true;
  }

  bool ReadTemplateOption(const std::string& key, const Json& value) {
    ChatOptions& options = out_.chat.options;
    if (key == "add_generation_prompt") {
      out_.add_generation_prompt = value.AsBool().value_or(false);
    } else if (key == "continue_final_message") {
      options.continue_final_message = value.AsBool().value_or(false);
    } else if (key == "add_vision_id") {
      options.add_vision_id = value.AsBool().value_or(false);
    } else {
      return false;
    }
    return true;
  }

  // Keys that say what is done anyway, as long as they say no more.
  bool ReadDefault(const std::string& key, const Json& value) {
    if (key == "n" || key == "best_of") return value.AsInt() == 1;
    if (key == "tool_choice") {
      const Json* type = value.Find("type");
      const std::string choice = value.IsString() ? value.text() : type != nullptr ? type->text() : "";
      drops_tools_ = choice == "none";
      return choice == "none" || choice == "auto";
    }
    if (key == "response_format") {
      const Json* type = value.Find("type");
      return type != nullptr && type->text() == "text";
    }
    if (key == "modalities") {
      return value.IsArray() && std::all_of(value.items().begin(), value.items().end(),
                                            [](const Json& item) { return item.text() == "text"; });
    }
    if (key == "typical_p" || key == "tfs_z") return value.AsDouble() == 1.0;
    return false;
  }

  ClientRequest& out_;
  RequestSettings& settings_;
  std::string key_;
  std::optional<bool> thinks_;         // said in so many words
  std::optional<bool> effort_thinks_;  // follows from an effort or a budget
  bool drops_tools_ = false;
};

// Tools, and functions as OpenAI's clients named them in 2023.
Status ReadTools(const Json& json, Chat* chat) {
  if (const Json* tools = FindValue(json, "tools"); tools != nullptr) {
    if (!tools->IsArray()) return Error{Code::kInvalid, "[chat] \"tools\" must be a list"};
    chat->tools = tools->items();
  }
  const Json* functions = FindValue(json, "functions");
  if (functions == nullptr || !chat->tools.empty()) return Done{};
  if (!functions->IsArray()) return Error{Code::kInvalid, "[chat] \"functions\" must be a list"};
  for (const Json& function : functions->items())
    chat->tools.push_back(Json::Object({{"type", Json::String("function")}, {"function", function}}));
  return Done{};
}

}  // namespace

Status ParseClientSettings(const Json& json, ClientRequest* request, std::string* wrong_key) {
  SettingsReader settings(request);
  if (Status read = settings.ReadAll(json, ""); !read.ok()) {
    *wrong_key = settings.key();
    return read;
  }
  settings.Finish();
  return Done{};
}

Result<ClientRequest> ParseClientRequest(const Json& json) {
  const Json* messages = json.IsArray() ? &json : json.Find("messages");
  if (messages == nullptr || !messages->IsArray()) {
    return Error{Code::kInvalid,
                 Cat("[chat] a list of messages, or an object with \"messages\", is needed, found ", Found(json))};
  }
  ClientRequest request;
  THIMBLE_ASSIGN_OR_RETURN(ClientMessages read, ParseClientMessages(*messages, &request.unused));
  request.chat.messages = std::move(read.messages);
  THIMBLE_RETURN_IF_ERROR(ReadTools(json, &request.chat));
  if (const Json* system = FindValue(json, "system"); system != nullptr && !SaysNothing(*system)) {
    // Anthropic's place for the system prompt.
    const Json message = Json::Object({{"role", Json::String("system")}, {"content", *system}});
    auto first = ParseClientMessages(Json::Array({message}), &request.unused);
    if (!first.ok()) return Wrong("system", "text or a list of text items", *system);
    request.chat.messages.insert(request.chat.messages.begin(), first.value().messages.begin(),
                                 first.value().messages.end());
  }
  request.chat.options.continue_final_message = read.continues_last;
  std::string wrong_key;
  THIMBLE_RETURN_IF_ERROR(ParseClientSettings(json, &request, &wrong_key));
  return request;
}

}  // namespace thimble
