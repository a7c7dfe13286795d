// SPDX-License-Identifier: Apache-2.0
// Sampler: logits -> token. Penalties, logit bias, temperature, top-k, top-p, min-p; exact greedy; replayable by seed.
#pragma once

#include "base/token_mask.h"

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace thimble {

struct SamplerOptions {
  double temperature = 1.0;  // 0: plain argmax, lowest id on ties
  int top_k = 0;             // 0: off
  double top_p = 1.0;
  double min_p = 0.0;
  double presence_penalty = 0.0;    // counts generated tokens only
  double frequency_penalty = 0.0;   // counts generated tokens only
  double repetition_penalty = 1.0;  // counts prompt and generated tokens, as the reference does
  std::vector<std::pair<std::int32_t, double>> logit_bias;
  std::uint64_t seed = 0;
};

// A setting the user, the file or the card may or may not give.
struct SamplerHints {
  std::optional<double> temperature, top_p, min_p, presence_penalty, frequency_penalty, repetition_penalty;
  std::optional<int> top_k;
};
// `over` wins over `under`, field by field.
SamplerHints Merge(const SamplerHints& over, const SamplerHints& under);
SamplerOptions ToOptions(const SamplerHints& hints);

enum class ModelClass { kSmall, kLarge };  // 0.8B and 2B; 4B and 9B: told apart by the chat template
// The model card's recommended settings (spec section 7).
SamplerHints CardPreset(ModelClass model_class, bool thinking, bool has_pictures);

// One conversation's sampler. Draw `step` of seed `seed` is always the same number, so runs can be replayed.
class Sampler {
 public:
  Sampler(SamplerOptions options, int vocab_size);

  // Tokens of the prompt: the repetition penalty counts them.
  void AddPrompt(std::span<const std::int32_t> ids);
  // Chooses the next token among those that `mask` allows; nullptr: among all. `logits` [V] is scratch: it may be
  // changed. Not-a-number logits never win; if none is finite, the lowest id that is allowed.
  std::int32_t Sample(std::span<float> logits, const TokenMask* mask);
  // A token became part of the reply (sampled or forced).
  void Accept(std::int32_t id);

  [[nodiscard]] const SamplerOptions& options() const { return options_; }

 private:
  void Adjust(std::span<float> logits) const;  // penalties and bias
  [[nodiscard]] float Punished(float logit) const;
  [[nodiscard]] float Reduced(float logit, int count) const;
  // Those that can be drawn at all, into candidates_, and with their weights (the best's is 1) into probabilities_.
  void CollectCandidates(std::span<const float> logits, double top);
  void CollectTopK(std::span<const float> logits);
  // Draws one of the candidates by their weights; `total` is their sum.
  [[nodiscard]] std::int32_t Draw(std::int32_t best, double total, std::uint64_t step);

  SamplerOptions options_;
  std::uint64_t step_ = 0;
  std::unordered_map<std::int32_t, int> generated_counts_;
  std::unordered_map<std::int32_t, int> prompt_counts_;
  std::vector<std::int32_t> candidates_;
  std::vector<float> probabilities_;
};

}  // namespace thimble
