// SPDX-License-Identifier: Apache-2.0
#include "model/scratch.h"

#include <algorithm>
#include <array>
#include <utility>

namespace thimble {

namespace {

// Columns of every float buffer, in the order of the members.
struct Columns {
  std::int64_t width, qkv, convolved, z, gates, heads, kv, mlp, rotary, pair, draft, activations;

  explicit Columns(const ModelConfig& config) {
    const std::int64_t delta_out = static_cast<std::int64_t>(config.delta.num_value_heads) * config.delta.value_head;
    const std::int64_t attention_out = static_cast<std::int64_t>(config.num_heads) * config.head;
    width = config.width;
    qkv = std::max<std::int64_t>(config.conv_channels(), 2 * attention_out);
    convolved = config.conv_channels();
    z = delta_out;
    gates = 2 * static_cast<std::int64_t>(config.delta.num_value_heads);
    heads = std::max(delta_out, attention_out);
    kv = static_cast<std::int64_t>(config.num_kv_heads) * config.head;
    mlp = config.mlp;
    rotary = std::max(1, config.rotary / 2);
    pair = config.has_mtp ? 2 * width : 0;
    draft = config.has_mtp ? width : 0;
    activations = std::max({width, mlp, heads, pair});
  }
};

std::array<std::pair<Buffer<float> Scratch::*, std::int64_t>, 17> Buffers(const Columns& c) {
  return {{{&Scratch::x, c.width},
           {&Scratch::normed, c.width},
           {&Scratch::mixed, c.width},
           {&Scratch::qkv, c.qkv},
           {&Scratch::convolved, c.convolved},
           {&Scratch::z, c.z},
           {&Scratch::gates, c.gates},
           {&Scratch::heads, c.heads},
           {&Scratch::k, c.kv},
           {&Scratch::v, c.kv},
           {&Scratch::gate, c.mlp},
           {&Scratch::up, c.mlp},
           {&Scratch::cos, c.rotary},
           {&Scratch::sin, c.rotary},
           {&Scratch::pair, c.pair},
           {&Scratch::hidden_rows, c.width},
           {&Scratch::draft_rows, c.draft}}};
}

}  // namespace

Result<Scratch> Scratch::Create(const ModelConfig& config, int max_rows, int num_threads) {
  Scratch scratch;
  const Columns columns(config);
  for (const auto& [buffer, cols] : Buffers(columns)) {
    THIMBLE_ASSIGN_OR_RETURN(
        scratch.*buffer, Buffer<float>::Create(static_cast<std::size_t>(cols) * static_cast<std::size_t>(max_rows)));
  }
  THIMBLE_ASSIGN_OR_RETURN(scratch.activations, Activations::Create(max_rows, columns.activations));
  THIMBLE_ASSIGN_OR_RETURN(scratch.attention, AttentionScratch::Create(num_threads, config.head));
  THIMBLE_ASSIGN_OR_RETURN(scratch.delta, DeltaScratch::Create(num_threads, config.delta, max_rows));
  THIMBLE_RETURN_IF_ERROR(scratch.NeedLogits(1, config.vocab));
  return scratch;
}

std::uint64_t Scratch::BytesNeeded(const ModelConfig& config, int max_rows, int num_threads) {
  const Columns columns(config);
  std::uint64_t floats = static_cast<std::uint64_t>(config.vocab);
  for (const auto& [buffer, cols] : Buffers(columns)) {
    (void)buffer;
    floats += static_cast<std::uint64_t>(cols) * static_cast<std::uint64_t>(max_rows);
  }
  floats += 2 * static_cast<std::uint64_t>(max_rows) * static_cast<std::uint64_t>(config.delta.num_value_heads);
  // Per worker: a tile of the delta rule, 224 KiB at released sizes.
  const std::uint64_t per_worker = std::uint64_t{256} << 10;
  return floats * sizeof(float) + Activations::BytesNeeded(max_rows, columns.activations) +
         AttentionScratch::BytesNeeded(num_threads, config.head) + per_worker * static_cast<std::uint64_t>(num_threads);
}

Status Scratch::NeedLogits(std::int64_t rows, int vocab) {
  const auto needed = static_cast<std::size_t>(rows) * static_cast<std::size_t>(vocab);
  if (logits_rows.size() < needed) {
    THIMBLE_ASSIGN_OR_RETURN(logits_rows, Buffer<float>::Create(needed));
  }
  logits_view = {logits_rows.data(), rows, vocab};
  return Done{};
}

}  // namespace thimble
