// SPDX-License-Identifier: Apache-2.0
#include "sampling/sampler.h"

#include "base/rng.h"

#include <algorithm>
#include <cmath>

namespace thimble {

SamplerHints Merge(const SamplerHints& over, const SamplerHints& under) {
  SamplerHints merged = over;
  const auto fill = [](auto& value, const auto& fallback) {
    if (!value.has_value()) value = fallback;
  };
  fill(merged.temperature, under.temperature);
  fill(merged.top_k, under.top_k);
  fill(merged.top_p, under.top_p);
  fill(merged.min_p, under.min_p);
  fill(merged.presence_penalty, under.presence_penalty);
  fill(merged.frequency_penalty, under.frequency_penalty);
  fill(merged.repetition_penalty, under.repetition_penalty);
  return merged;
}

SamplerOptions ToOptions(const SamplerHints& hints) {
  SamplerOptions options;
  options.temperature = hints.temperature.value_or(options.temperature);
  options.top_k = hints.top_k.value_or(options.top_k);
  options.top_p = hints.top_p.value_or(options.top_p);
  options.min_p = hints.min_p.value_or(options.min_p);
  options.presence_penalty = hints.presence_penalty.value_or(options.presence_penalty);
  options.frequency_penalty = hints.frequency_penalty.value_or(options.frequency_penalty);
  options.repetition_penalty = hints.repetition_penalty.value_or(options.repetition_penalty);
  return options;
}

SamplerHints CardPreset(ModelClass model_class, bool thinking, bool has_pictures) {
  SamplerHints hints;
  hints.top_k = 20;
  hints.min_p = 0.0;
  hints.repetition_penalty = 1.0;
  const auto set = [&hints](double temperature, double top_p, double presence) {
    hints.temperature = temperature;
    hints.top_p = top_p;
    hints.presence_penalty = presence;
  };
  if (model_class == ModelClass::kLarge) {
    thinking ? set(1.0, 0.95, 1.5) : set(0.7, 0.8, 1.5);
  } else if (thinking) {
    has_pictures ? set(0.6, 0.95, 0.0) : set(1.0, 0.95, 1.5);
  } else {
    has_pictures ? set(0.7, 0.8, 1.5) : set(1.0, 1.0, 2.0);
  }
  return hints;
}

Sampler::Sampler(SamplerOptions options, int vocab_size) : options_(std::move(options)) {
  candidates_.reserve(static_cast<std::size_t>(vocab_size));
  probabilities_.reserve(static_cast<std::size_t>(vocab_size));
}

void Sampler::AddPrompt(std::span<const std::int32_t> ids) {
  for (const std::int32_t id : ids) ++prompt_counts_[id];
}

void Sampler::Accept(std::int32_t id) { ++generated_counts_[id]; }

float Sampler::Punished(float logit) const {
  const auto penalty = static_cast<float>(options_.repetition_penalty);
  return logit > 0 ? logit / penalty : logit * penalty;
}

float Sampler::Reduced(float logit, int count) const {
  return logit - static_cast<float>(options_.presence_penalty + options_.frequency_penalty * count);
}

void Sampler::Adjust(std::span<float> logits) const {
  const auto at = [&](std::int32_t id) -> float* {
    return id >= 0 && static_cast<std::size_t>(id) < logits.size() ? &logits[static_cast<std::size_t>(id)] : nullptr;
  };
  if (options_.repetition_penalty != 1.0) {
    const auto punish = [&](std::int32_t id) {
      if (float* logit = at(id); logit != nullptr) *logit = Punished(*logit);
    };
    for (const auto& [id, count] : prompt_counts_) punish(id);
    for (const auto& [id, count] : generated_counts_) {
      if (!prompt_counts_.contains(id)) punish(id);
    }
  }
  if (options_.presence_penalty != 0.0 || options_.frequency_penalty != 0.0) {
    for (const auto& [id, count] : generated_counts_) {
      if (float* logit = at(id); logit != nullptr) *logit = Reduced(*logit, count);
    }
  }
  for (const auto& [id, bias] : options_.logit_bias) {
    if (float* logit = at(id); logit != nullptr) *logit += static_cast<float>(bias);
  }
}

namespace {

// Highest logit, lowest id on ties; not-a-number never wins.
std::int32_t ArgMax(std::span<const float> logits) {
  std::size_t best = 0;
  float largest = -INFINITY;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > largest) {
      largest = logits[i];
      best = i;
    }
  }
  return static_cast<std::int32_t>(best);
}

// What is left to say where no logit is a number above minus infinity.
std::int32_t LowestAllowed(const TokenMask* mask) {
  std::int32_t id = 0;
  while (mask != nullptr && static_cast<std::size_t>(id) < mask->end() && !mask->Allows(id)) ++id;
  return id;
}

}  // namespace

std::int32_t Sampler::Sample(std::span<float> logits, const TokenMask* mask) {
  if (mask != nullptr && mask->end() < logits.size()) logits = logits.first(mask->end());
  Adjust(logits);
  if (mask != nullptr) mask->FillHoles(logits);
  const std::uint64_t step = step_++;
  const std::int32_t best = ArgMax(logits);
  if (logits.empty() || !(logits[static_cast<std::size_t>(best)] > -INFINITY)) return LowestAllowed(mask);
  if (options_.temperature <= 0.0) return best;

  const double top = static_cast<double>(logits[static_cast<std::size_t>(best)]);
  if (!std::isfinite(top)) return best;
  CollectCandidates(logits, top);
  probabilities_.clear();
  double total = 0;
  for (const std::int32_t id : candidates_) {
    const double p = std::exp((static_cast<double>(logits[static_cast<std::size_t>(id)]) - top) / options_.temperature);
    probabilities_.push_back(static_cast<float>(p));
    total += p;
  }
  return Draw(best, total, step);
}

// Candidates by falling logit, lower ids first among equals. With top-k only that many are ever sorted; without it,
// those that could have any probability in double precision (within 60 of the best after temperature).
void Sampler::CollectCandidates(std::span<const float> logits, double top) {
  const double floor_logit = top - 60.0 * options_.temperature;
  const auto is_before = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)];
    const float y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  candidates_.clear();
  if (options_.top_k > 0) {
    CollectTopK(logits);
  } else {
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (static_cast<double>(logits[i]) >= floor_logit) candidates_.push_back(static_cast<std::int32_t>(i));
    }
  }
  // Without a cut by rank the order does not matter: the draw walks ids in order.
  if (options_.top_k > 0 || options_.top_p < 1.0) std::sort(candidates_.begin(), candidates_.end(), is_before);
}

// top-p: the shortest beginning of the ranking whose probability reaches top_p. min-p: at least that share of the
// best's.
std::int32_t Sampler::Draw(std::int32_t best, double total, std::uint64_t step) {
  std::size_t kept = candidates_.size();
  if (options_.top_p < 1.0) {
    double sum = 0;
    for (kept = 0; kept < candidates_.size();) {
      sum += static_cast<double>(probabilities_[kept++]);
      if (sum >= options_.top_p * total) break;
    }
    kept = std::max<std::size_t>(kept, 1);
  }
  const auto least = static_cast<float>(options_.min_p);  // the best's own weight is 1
  double mass = 0;
  for (std::size_t i = 0; i < kept; ++i) {
    if (probabilities_[i] < least && candidates_[i] != best) probabilities_[i] = 0;
    mass += static_cast<double>(probabilities_[i]);
  }
  double left = RandomUniform(options_.seed, step) * mass;
  std::int32_t chosen = best;
  for (std::size_t i = 0; i < kept; ++i) {
    if (probabilities_[i] <= 0) continue;
    chosen = candidates_[i];
    left -= static_cast<double>(probabilities_[i]);
    if (left < 0) break;
  }
  return chosen;
}

// The top_k highest, by a heap whose root is the worst kept; one comparison for nearly every logit.
void Sampler::CollectTopK(std::span<const float> logits) {
  const auto k = std::min(static_cast<std::size_t>(options_.top_k), logits.size());
  const auto is_better = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)];
    const float y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  float worst = -INFINITY;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) continue;
    const auto id = static_cast<std::int32_t>(i);
    if (candidates_.size() < k) {
      candidates_.push_back(id);
      std::push_heap(candidates_.begin(), candidates_.end(), is_better);
    } else if (logits[i] > worst) {  // equal ones have a higher id: not better
      std::pop_heap(candidates_.begin(), candidates_.end(), is_better);
      candidates_.back() = id;
      std::push_heap(candidates_.begin(), candidates_.end(), is_better);
    }
    if (candidates_.size() == k) worst = logits[static_cast<std::size_t>(candidates_.front())];
  }
}

}  // namespace thimble
