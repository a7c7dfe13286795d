// SPDX-License-Identifier: Apache-2.0
#include "service/request_values.h"

#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

namespace thimble::service {

namespace {

OrFault<Done> ReadModel(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(draft->ask.model, WordOf(key, value, 1'000));
  return Done{};
}

template <bool Ask::* kFlag>
OrFault<Done> ReadFlag(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(draft->ask.*kFlag, FlagOf(key, value));
  return Done{};
}

template <std::optional<double> RequestSettings::* kNumber>
OrFault<Done> ReadPenalty(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(draft->client.settings.*kNumber, NumberOf(key, value, -2, 2));
  return Done{};
}

template <const Json* RequestDraft::* kPlace>
OrFault<Done> Keep(std::string_view /*key*/, const Json& value, RequestDraft* draft) {
  draft->*kPlace = &value;
  return Done{};
}

// Either name asks for times in every part of a stream.
OrFault<Done> ReadTimings(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(const bool wants, FlagOf(key, value));
  draft->ask.wants_timings |= wants;
  return Done{};
}

OrFault<Done> ReadStreamOptions(std::string_view key, const Json& value, RequestDraft* draft) {
  if (!value.IsObject()) return WrongValue(key, "an object", value);
  const Json* usage = value.Find("include_usage");
  if (usage == nullptr || usage->IsNull()) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(draft->ask.wants_usage, FlagOf("stream_options.include_usage", *usage));
  return Done{};
}

OrFault<Done> ReadStops(std::string_view key, const Json& value, RequestDraft* draft) {
  const auto add = [&](const Json& text) {
    if (!text.IsString() || text.text().size() > kMostStopBytes) return false;
    if (!text.text().empty()) draft->client.settings.stop.push_back(text.text());
    return draft->client.settings.stop.size() <= kMostStops;
  };
  bool is_right = value.IsString() || (value.IsArray() && value.items().size() <= kMostStops);
  if (is_right && value.IsString()) is_right = add(value);
  for (std::size_t i = 0; is_right && i < value.items().size(); ++i) is_right = add(value.items()[i]);
  if (!is_right) {
    return WrongValue(
        key, Cat("text, or a list of at most ", kMostStops, " texts, each of at most ", kMostStopBytes, " bytes"),
        value);
  }
  return Done{};
}

// Any whole number of 64 bits; -1 is llama.cpp's word for any.
OrFault<Done> ReadSeed(std::string_view key, const Json& value, RequestDraft* draft) {
  std::uint64_t large = 0;
  const std::string& text = value.text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), large);
  if (const auto whole = value.AsInt(); whole) {
    if (*whole != -1) draft->client.settings.seed = static_cast<std::uint64_t>(*whole);
  } else if (value.IsNumber() && error == std::errc() && end == text.data() + text.size()) {
    draft->client.settings.seed = large;
  } else {
    return WrongValue(key, "a whole number of 64 bits", value);
  }
  return Done{};
}

// {"123": -5} or [[123, -5]]. A bias of 0 changes nothing, whatever it is of.
OrFault<Done> ReadBias(std::string_view key, const Json& value, RequestDraft* draft) {
  constexpr std::string_view kRule = "an object of at most 1024 token ids with numbers from -100 to 100, {\"123\": -5}";
  const auto add = [&](const std::string& id_text, const Json& bias) {
    const auto number = bias.AsDouble();
    if (!number || !(*number >= -100) || !(*number <= 100)) return false;
    if (*number == 0) return true;
    std::int32_t id = 0;
    const auto [end, error] = std::from_chars(id_text.data(), id_text.data() + id_text.size(), id);
    if (error != std::errc() || end != id_text.data() + id_text.size() || id < 0) return false;
    draft->client.settings.logit_bias.emplace_back(id, *number);
    return true;
  };
  bool is_right = (value.IsObject() || value.IsArray()) && value.members().size() <= kMostBiases &&
                  value.items().size() <= kMostBiases;
  for (std::size_t i = 0; is_right && i < value.members().size(); ++i)
    is_right = add(value.members()[i].first, value.members()[i].second);
  for (std::size_t i = 0; is_right && i < value.items().size(); ++i) {
    const Json& pair = value.items()[i];
    is_right = pair.items().size() == 2 && add(pair.items()[0].text(), pair.items()[1]);
  }
  if (!is_right) return WrongValue(key, kRule, value);
  return Done{};
}

OrFault<Done> ReadOne(std::string_view key, const Json& value, RequestDraft* /*draft*/) {
  if (value.AsInt() != 1) return WrongValue(key, "1: there is one answer to each request", value);
  return Done{};
}

OrFault<Done> ReadParallel(std::string_view key, const Json& value, RequestDraft* draft) {
  THIMBLE_ASSIGN_OR_RETURN(const bool is_parallel, FlagOf(key, value));
  draft->one_call = !is_parallel;
  return Done{};
}

OrFault<Done> ReadWhenFull(std::string_view key, const Json& value, RequestDraft* draft) {
  if (value.text() != "window" && value.text() != "stop") return WrongValue(key, "\"window\" or \"stop\"", value);
  draft->ask.drops_oldest = value.text() == "window";
  return Done{};
}

// Blanks and signs would look like the template's own words around a name.
bool IsToolName(std::string_view name) {
  constexpr std::size_t kMostBytes = 256;
  constexpr unsigned char kDelete = 0x7f;
  return !name.empty() && name.size() <= kMostBytes && std::all_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte != kDelete && std::string_view("<>\"'=").find(c) == std::string_view::npos;
  });
}

// Of a function, beside its name.
OrFault<Done> CheckFunction(std::string_view key, const Json& function) {
  using client_internal::FindValue;
  if (const Json* text = FindValue(function, "description"); text != nullptr && !text->IsString())
    return WrongValue(key, "functions whose \"description\" is text", *text);
  for (const char* schema : {"parameters", "input_schema", "inputSchema"}) {
    const Json* parameters = function.Find(schema);
    const bool may_be_null = std::string_view(schema) == "parameters";
    if (parameters != nullptr && !(may_be_null && parameters->IsNull()) && !parameters->IsObject())
      return WrongValue(key, Cat("functions whose \"", schema, "\" is an object"), *parameters);
  }
  return Done{};
}

// A tool without the inner object, in OpenAI's form where it has no schema of another form.
Json Wrapped(const Json& tool) {
  if (tool.Find("input_schema") != nullptr || tool.Find("inputSchema") != nullptr) return tool;
  Json function = Json::Object();
  for (const char* key : {"name", "description", "parameters", "strict"}) {
    if (const Json* value = tool.Find(key); value != nullptr) function.Set(key, *value);
  }
  return Json::Object({{"type", Json::String("function")}, {"function", std::move(function)}});
}

// A tool that we can call: with a name, and parameters in any form that text/tool_schema.h reads.
OrFault<Done> AddTool(std::string_view key, const Json& tool, RequestDraft* draft) {
  if (!tool.IsObject()) return WrongValue(key, "a list of objects", tool);
  const Json* function = tool.Find("function");
  const bool is_flat = function == nullptr || !function->IsObject();
  const Json& inner = is_flat ? tool : *function;
  const std::string type = TypeOf(tool);
  // Tools of a service's own ("web_search", "bash_20250124") have no meaning here; agents send them all the same.
  const bool is_ours = type.empty() || type == "function" || (type == "custom" && tool.Find("input_schema") != nullptr);
  if (!is_ours) {
    draft->client.unused.Add(type, "tools");
    return Done{};
  }
  const Json* name = inner.Find("name");
  if (name == nullptr || !name->IsString() || !IsToolName(name->text())) {
    return WrongValue(key, "functions with names of 1 to 256 bytes without blanks, quotation marks, <, > and =",
                      name == nullptr ? tool : *name);
  }
  THIMBLE_RETURN_IF_ERROR(CheckFunction(key, inner));
  for (const Json* from : {&inner, &tool}) {
    const Json* strict = client_internal::FindValue(*from, "strict");
    if (strict == nullptr) continue;
    THIMBLE_ASSIGN_OR_RETURN(const bool is_strict, FlagOf("tools.strict", *strict));
    draft->has_strict_tool |= is_strict;
  }
  draft->tools.push_back(is_flat ? Wrapped(tool) : tool);
  return Done{};
}

OrFault<Done> ReadTools(std::string_view key, const Json& value, RequestDraft* draft) {
  if (!value.IsArray() || value.items().size() > kMostTools)
    return WrongValue(key, Cat("a list of at most ", kMostTools, " tools"), value);
  draft->tools.clear();
  for (const Json& tool : value.items()) THIMBLE_RETURN_IF_ERROR(AddTool(key, tool, draft));
  return Done{};
}

// OpenAI's form of 2023; "tools" win.
OrFault<Done> ReadFunctions(std::string_view key, const Json& value, RequestDraft* draft) {
  if (!value.IsArray() || value.items().size() > kMostTools)
    return WrongValue(key, Cat("a list of at most ", kMostTools, " functions"), value);
  if (!draft->tools.empty()) return Done{};
  for (const Json& function : value.items()) {
    const Json tool = Json::Object({{"type", Json::String("function")}, {"function", function}});
    THIMBLE_RETURN_IF_ERROR(AddTool(key, tool, draft));
  }
  return Done{};
}

OrFault<Done> LeaveOut(std::string_view key, const Json& /*value*/, RequestDraft* draft) {
  draft->client.unused.Add(key, "");
  return Done{};
}

constexpr KeyRule kRules[] = {
    {"model", ReadModel},
    {"messages", Keep<&RequestDraft::messages>},
    {"stream", ReadFlag<&Ask::is_stream>},
    {"stream_options", ReadStreamOptions},
    {"return_progress", ReadFlag<&Ask::wants_progress>},
    {"timings", ReadTimings},
    {"timings_per_token", ReadTimings},
    {"when_full", ReadWhenFull},
    {"stop", ReadStops},
    {"stop_sequences", ReadStops},
    {"stop_strings", ReadStops},
    {"seed", ReadSeed},
    {"n", ReadOne},
    {"logit_bias", ReadBias},
    {"presence_penalty", ReadPenalty<&RequestSettings::presence_penalty>},
    {"frequency_penalty", ReadPenalty<&RequestSettings::frequency_penalty>},
    {"tools", ReadTools},
    {"functions", ReadFunctions},
    {"tool_choice", Keep<&RequestDraft::tool_choice>},
    {"parallel_tool_calls", ReadParallel},
    {"options", LeaveOut},     // Ollama's place for settings
    {"extra_body", LeaveOut},  // a client's own word that it should not have sent
};

}  // namespace

std::span<const KeyRule> CommonKeyRules() { return kRules; }

}  // namespace thimble::service
