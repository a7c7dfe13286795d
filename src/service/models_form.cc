// SPDX-License-Identifier: Apache-2.0
#include "service/models_form.h"

#include "base/text.h"
#include "files/json.h"

#include <chrono>
#include <utility>

namespace thimble::service {

namespace {

std::string Number(double value) { return Json::Float(value).Dump(); }

// Two digits at least.
std::string Padded(unsigned value) { return Cat(value < 10 ? "0" : "", value); }

// "2026-11-30T01:02:03Z".
std::string Rfc3339(std::int64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return Cat(int{date.year()}, "-", Padded(unsigned{date.month()}), "-", Padded(unsigned{date.day()}), "T",
             Padded(static_cast<unsigned>(clock.hours().count())), ":",
             Padded(static_cast<unsigned>(clock.minutes().count())), ":",
             Padded(static_cast<unsigned>(clock.seconds().count())), "Z");
}

std::string OpenAiModel(const ModelCard& model) {
  return Cat("{\"id\":", JsonQuote(model.name), ",\"object\":\"model\",\"created\":", model.created,
             ",\"owned_by\":\"thimble\",\"context_length\":", model.context, ",\"max_model_len\":", model.context,
             ",\"architecture\":{\"input_modalities\":[\"text\"", model.has_vision ? ",\"image\"" : "",
             "],\"output_modalities\":[\"text\"]},\"capabilities\":[\"completion\",\"tools\",\"thinking\"",
             model.has_vision ? ",\"vision\",\"multimodal\"" : "", "],\"meta\":{\"n_ctx\":", model.context,
             ",\"n_ctx_train\":", model.train_context, ",\"n_vocab\":", model.vocab, ",\"n_params\":", model.num_params,
             ",\"size\":", model.size_bytes, "},\"status\":{\"value\":\"", model.is_loaded ? "loaded" : "unloaded",
             "\"}}");
}

std::string AnthropicModel(const ModelCard& model) {
  const std::string name = JsonQuote(model.name);
  return Cat("{\"type\":\"model\",\"id\":", name, ",\"display_name\":", name, ",\"created_at\":\"",
             Rfc3339(model.created), "\",\"lifecycle\":\"active\",\"max_input_tokens\":", model.context,
             ",\"max_tokens\":", model.context, "}");
}

std::string ModelJson(const ModelCard& model, ModelsForm form) {
  return form == ModelsForm::kOpenAi ? OpenAiModel(model) : AnthropicModel(model);
}

// One metric with its two lines of description.
std::string Metric(std::string_view name, std::string_view type, std::string_view help, std::string_view value) {
  return Cat("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n", name, " ", value, "\n");
}

std::string Rate(double count, double seconds) { return Number(seconds > 0 ? count / seconds : 0); }

}  // namespace

WholeAnswer ModelsAnswer(std::span<const ModelCard> models, ModelsForm form) {
  std::string list;
  for (const ModelCard& model : models) list += Cat(list.empty() ? "" : ",", ModelJson(model, form));
  if (form == ModelsForm::kOpenAi) return JsonAnswer(Cat("{\"object\":\"list\",\"data\":[", list, "]}"));
  const std::string first = models.empty() ? "null" : JsonQuote(models.front().name);
  const std::string last = models.empty() ? "null" : JsonQuote(models.back().name);
  return JsonAnswer(Cat("{\"data\":[", list, "],\"has_more\":false,\"first_id\":", first, ",\"last_id\":", last, "}"));
}

WholeAnswer ModelAnswer(const ModelCard& model, ModelsForm form) { return JsonAnswer(ModelJson(model, form)); }

WholeAnswer HealthAnswer(bool is_loading) {
  constexpr int kLoading = 503;
  if (!is_loading) return JsonAnswer(R"({"status":"ok"})");
  return JsonAnswer(R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})", kLoading);
}

WholeAnswer PropsAnswer(const Props& props) {
  const std::string params = Cat("{\"temperature\":", Number(props.temperature), ",\"top_k\":", props.top_k,
                                 ",\"top_p\":", Number(props.top_p), ",\"min_p\":", Number(props.min_p),
                                 ",\"repeat_penalty\":", Number(props.repetition_penalty),
                                 ",\"presence_penalty\":", Number(props.presence_penalty),
                                 ",\"frequency_penalty\":", Number(props.frequency_penalty), ",\"n_predict\":-1}");
  const std::string name = JsonQuote(props.model.name);
  return JsonAnswer(Cat("{\"default_generation_settings\":{\"n_ctx\":", props.model.context, ",\"params\":", params,
                        "},\"total_slots\":", props.num_slots, ",\"model_alias\":", name, ",\"model_path\":", name,
                        ",\"modalities\":{\"vision\":", props.model.has_vision,
                        ",\"audio\":false},\"chat_template\":", JsonQuote(props.chat_template),
                        ",\"chat_template_caps\":{\"supports_tools\":true,\"supports_tool_calls\":true,"
                        "\"supports_parallel_tool_calls\":true,\"supports_system_role\":true},\"build_info\":",
                        JsonQuote(props.build), "}"));
}

WholeAnswer SlotsAnswer(std::span<const Slot> slots) {
  std::string list;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    list += Cat(i == 0 ? "" : ",", "{\"id\":", i, ",\"n_ctx\":", slot.context, ",\"is_processing\":", slot.is_busy,
                ",\"n_prompt_tokens\":", slot.prompt_tokens, ",\"n_prompt_tokens_processed\":", slot.read_tokens,
                ",\"next_token\":[{\"n_decoded\":", slot.tokens, "}]}");
  }
  return JsonAnswer(Cat("[", list, "]"));
}

WholeAnswer MetricsAnswer(const Metrics& m) {
  constexpr std::string_view kCounter = "counter";
  constexpr std::string_view kGauge = "gauge";
  const auto read = static_cast<double>(m.prompt_tokens);
  const auto written = static_cast<double>(m.tokens);
  WholeAnswer answer;
  answer.headers.push_back({"content-type", "text/plain; version=0.0.4; charset=utf-8"});
  answer.body =
      Cat(Metric("llamacpp:prompt_tokens_total", kCounter, "Number of prompt tokens processed.", Cat(m.prompt_tokens)),
          Metric("llamacpp:prompt_seconds_total", kCounter, "Prompt process time.", Number(m.prompt_seconds)),
          Metric("llamacpp:tokens_predicted_total", kCounter, "Number of generation tokens processed.", Cat(m.tokens)),
          Metric("llamacpp:tokens_predicted_seconds_total", kCounter, "Predict process time.", Number(m.seconds)),
          Metric("llamacpp:n_decode_total", kCounter, "Total number of passes of the model.", Cat(m.passes)),
          Metric("llamacpp:n_tokens_max", kCounter, "Largest observed number of tokens.", Cat(m.most_tokens)),
          Metric("llamacpp:n_busy_slots_per_decode", kGauge, "Average number of busy slots per pass.",
                 Number(m.busy_slots_per_pass)),
          Metric("llamacpp:prompt_tokens_seconds", kGauge, "Average prompt throughput in tokens/s.",
                 Rate(read, m.prompt_seconds)),
          Metric("llamacpp:predicted_tokens_seconds", kGauge, "Average generation throughput in tokens/s.",
                 Rate(written, m.seconds)),
          Metric("llamacpp:requests_processing", kGauge, "Number of requests processing.", Cat(m.num_busy)),
          Metric("llamacpp:requests_deferred", kGauge, "Number of requests deferred.", Cat(m.num_waiting)),
          Metric("thimble:prompt_tokens_cached_total", kCounter, "Prompt tokens remembered from before.",
                 Cat(m.cached_tokens)),
          Metric("thimble:requests_total", kCounter, "Requests taken.", Cat(m.requests)),
          Metric("thimble:requests_refused_total", kCounter, "Requests answered with 4xx.", Cat(m.refused)),
          Metric("thimble:requests_turned_away_total", kCounter, "Requests answered with 429.", Cat(m.turned_away)),
          Metric("thimble:requests_failed_total", kCounter, "Requests answered with 5xx.", Cat(m.failed)),
          Metric("thimble:requests_cancelled_total", kCounter, "Requests whose client went away.", Cat(m.cancelled)),
          Metric("thimble:resident_bytes", kGauge, "Resident memory of the process.", Cat(m.resident_bytes)),
          Metric("thimble:model_loaded", kGauge, "1 while a model is in memory.", m.is_loaded ? "1" : "0"));
  return answer;
}

WholeAnswer InputTokensAnswer(std::int64_t tokens) {
  return JsonAnswer(Cat("{\"object\":\"response.input_tokens\",\"input_tokens\":", tokens, "}"));
}

WholeAnswer CountTokensAnswer(std::int64_t tokens) { return JsonAnswer(Cat("{\"input_tokens\":", tokens, "}")); }

}  // namespace thimble::service
