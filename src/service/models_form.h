// SPDX-License-Identifier: Apache-2.0
// Answers about the models and the service itself, as OpenAI's, Anthropic's and llama.cpp's clients read them. No path
// of a file and no word of a prompt is in any of them.
#pragma once

#include "service/exchange.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::service {

struct ModelCard {
  std::string name;
  std::int64_t created = 0;        // seconds since 1970
  std::int64_t context = 0;        // tokens that a conversation may hold here
  std::int64_t train_context = 0;  // tokens that the model was made for
  std::int64_t vocab = 0;
  std::uint64_t num_params = 0;
  std::uint64_t size_bytes = 0;
  bool has_vision = false;
  bool is_loaded = false;
};

// GET /v1/models and /v1/models/NAME, with what llama.cpp's clients look for beside OpenAI's fields. Anthropic's
// clients, who send the header "anthropic-version", read a form of their own.
enum class ModelsForm { kOpenAi, kAnthropic };
WholeAnswer ModelsAnswer(std::span<const ModelCard> models, ModelsForm form = ModelsForm::kOpenAi);
WholeAnswer ModelAnswer(const ModelCard& model, ModelsForm form = ModelsForm::kOpenAi);

// GET /health. `loading`: 503, as long as there is no model.
WholeAnswer HealthAnswer(bool is_loading);

// GET /props. The sampling is what a request gets that says nothing.
struct Props {
  ModelCard model;
  int num_slots = 0;
  std::string chat_template;  // its text; empty: the file has none
  std::string build;          // "thimble 0.3.0"
  double temperature = 1, top_p = 1, min_p = 0, presence_penalty = 0, frequency_penalty = 0, repetition_penalty = 1;
  int top_k = 0;
};
WholeAnswer PropsAnswer(const Props& props);

// GET /slots: who is being answered, without what.
struct Slot {
  std::int64_t context = 0;
  bool is_busy = false;
  std::int64_t prompt_tokens = 0;  // of the request that it has, or had last
  std::int64_t read_tokens = 0;    // of them, read so far or known before
  std::int64_t tokens = 0;         // written so far
};
WholeAnswer SlotsAnswer(std::span<const Slot> slots);

// GET /metrics, Prometheus' text form: llama.cpp's names, and ours for what it has none for. Counts since the start.
struct Metrics {
  std::uint64_t prompt_tokens = 0;  // read, those known before left out
  std::uint64_t cached_tokens = 0;  // known before
  double prompt_seconds = 0;
  std::uint64_t tokens = 0;       // written
  double seconds = 0;             // of writing
  std::uint64_t passes = 0;       // of the model
  std::uint64_t most_tokens = 0;  // that a conversation had
  double busy_slots_per_pass = 0;
  int num_busy = 0;     // requests being answered
  int num_waiting = 0;  // in the queue
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;      // 4xx
  std::uint64_t turned_away = 0;  // 429
  std::uint64_t failed = 0;       // 5xx
  std::uint64_t cancelled = 0;    // whose client went away
  std::uint64_t resident_bytes = 0;
  bool is_loaded = false;
};
WholeAnswer MetricsAnswer(const Metrics& metrics);

// Counts of tokens: OpenAI's .../input_tokens and Anthropic's /v1/messages/count_tokens.
WholeAnswer InputTokensAnswer(std::int64_t tokens);
WholeAnswer CountTokensAnswer(std::int64_t tokens);

}  // namespace thimble::service
