// SPDX-License-Identifier: Apache-2.0
#include "model/state.h"

#include "base/check.h"
#include "ops/matmul.h"

#include <algorithm>
#include <cstring>

namespace thimble {

// Rows that are kept in part have the bits of rows that were read one by one: both take the form for few rows.
static_assert(DecoderState::kMaxPartialRows < kWideRows);

namespace {

std::size_t StateFloats(const ModelConfig& config) {
  return static_cast<std::size_t>(config.delta.num_value_heads) * static_cast<std::size_t>(config.delta.key_head) *
         static_cast<std::size_t>(config.delta.value_head);
}
std::size_t TailFloats(const ModelConfig& config) {
  return static_cast<std::size_t>(config.conv_taps - 1) * static_cast<std::size_t>(config.conv_channels());
}
std::size_t ReplayFloats(const ModelConfig& config) {
  return static_cast<std::size_t>(config.conv_channels()) + 2 * static_cast<std::size_t>(config.delta.num_value_heads);
}
std::size_t PageBytes(const ModelConfig& config, KvType type) {
  return 2 * static_cast<std::size_t>(config.num_kv_heads) * KvView::kPageTokens * KvRowBytes(type, config.head);
}

}  // namespace

Result<DecoderState> DecoderState::Create(const ModelConfig& config, int max_tokens, KvType kv_type) {
  // On 32-bit machines the sum may not fit a size; a refusal, not a wrap.
  if (RecurrentBytes(config) > SIZE_MAX / 2 || PageBytes(config, kv_type) > SIZE_MAX / 2 / (config.layers.size() + 1))
    return OutOfMemory(SIZE_MAX);
  DecoderState state;
  state.max_tokens_ = max_tokens;
  state.kv_type_ = kv_type;
  state.num_kv_heads_ = config.num_kv_heads;
  state.head_ = config.head;
  state.num_attention_layers_ = config.num_attention_layers();
  state.num_delta_layers_ = config.num_layers() - state.num_attention_layers_;
  state.page_bytes_ = PageBytes(config, kv_type);
  state.tables_.resize(static_cast<std::size_t>(state.num_attention_layers_));
  const auto num_pages = static_cast<std::size_t>(max_tokens / KvView::kPageTokens + 1);
  state.pages_.reserve(num_pages);
  for (auto& table : state.tables_) table.reserve(num_pages);

  state.state_floats_ = StateFloats(config);
  state.layer_floats_ = (state.state_floats_ + TailFloats(config) + 15) / 16 * 16;
  for (Buffer<float>& half : state.halves_) {
    THIMBLE_ASSIGN_OR_RETURN(
        half, Buffer<float>::Create(state.layer_floats_ * static_cast<std::size_t>(state.num_delta_layers_)));
  }
  state.replay_floats_ = ReplayFloats(config);
  THIMBLE_ASSIGN_OR_RETURN(state.replay_, Buffer<float>::Create(state.replay_floats_ * kMaxPartialRows *
                                                                static_cast<std::size_t>(state.num_delta_layers_)));
  return state;
}

std::uint64_t DecoderState::KvBytes(const ModelConfig& config, int max_tokens, KvType kv_type) {
  const auto num_pages = static_cast<std::uint64_t>((max_tokens + KvView::kPageTokens - 1) / KvView::kPageTokens);
  return num_pages * PageBytes(config, kv_type) * static_cast<std::uint64_t>(config.num_attention_layers());
}

std::uint64_t DecoderState::RecurrentBytes(const ModelConfig& config) {
  const auto num_delta = static_cast<std::uint64_t>(config.num_layers() - config.num_attention_layers());
  return num_delta * sizeof(float) *
         (2 * (StateFloats(config) + TailFloats(config)) + kMaxPartialRows * ReplayFloats(config));
}

void DecoderState::PutPage(std::size_t index, std::shared_ptr<KvPage> page) {
  for (std::size_t layer = 0; layer < tables_.size(); ++layer) {
    if (tables_[layer].size() <= index) tables_[layer].resize(index + 1);
    tables_[layer][index] = page->data() + layer * page_bytes_;
  }
  if (pages_.size() <= index) pages_.resize(index + 1);
  pages_[index] = std::move(page);
}

Status DecoderState::MakeWritable(std::size_t index) {
  const bool is_new = index >= pages_.size();
  // Nobody else can come to hold it meanwhile: only who has a page gives it away.
  if (!is_new && pages_[index].use_count() == 1) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(KvPage page, KvPage::Create(page_bytes_ * static_cast<std::size_t>(num_attention_layers_)));
  const bool holds_tokens = static_cast<std::int64_t>(index) * KvView::kPageTokens < length_;
  if (!is_new && holds_tokens) std::memcpy(page.data(), pages_[index]->data(), page.size_bytes());
  PutPage(index, std::make_shared<KvPage>(std::move(page)));
  return Done{};
}

Status DecoderState::Grow(std::int64_t num_tokens) {
  if (num_attention_layers_ == 0) return Done{};
  const auto needed = static_cast<std::size_t>((num_tokens + KvView::kPageTokens - 1) / KvView::kPageTokens);
  for (auto index = static_cast<std::size_t>(length_ / KvView::kPageTokens); index < needed; ++index)
    THIMBLE_RETURN_IF_ERROR(MakeWritable(index));
  return Done{};
}

KvView DecoderState::Kv(int attention_layer) const {
  KvView view;
  view.type = kv_type_;
  view.num_kv_heads = num_kv_heads_;
  view.head = head_;
  view.pages = tables_[static_cast<std::size_t>(attention_layer)].data();
  view.length = length_ + num_pending_;
  return view;
}

void DecoderState::CommitAll() {
  if (num_pending_ == 0) return;
  committed_half_ ^= 1;
  length_ += num_pending_;
  num_pending_ = 0;
}

Result<Checkpoint> DecoderState::Save() const {
  THIMBLE_CHECK(num_pending_ == 0);
  const Buffer<float>& half = halves_[committed_half_];
  THIMBLE_ASSIGN_OR_RETURN(Buffer<float> floats, Buffer<float>::Create(half.size()));
  if (!half.empty()) std::memcpy(floats.data(), half.data(), half.size_bytes());
  Checkpoint checkpoint;
  checkpoint.length_ = length_;
  checkpoint.floats_ = std::make_shared<const Buffer<float>>(std::move(floats));
  const std::size_t held = static_cast<std::size_t>(length_ + KvView::kPageTokens - 1) / KvView::kPageTokens;
  checkpoint.pages_.assign(pages_.begin(), pages_.begin() + static_cast<std::ptrdiff_t>(std::min(held, pages_.size())));
  return checkpoint;
}

void DecoderState::Restore(const Checkpoint& checkpoint) {
  Buffer<float>& half = halves_[committed_half_];
  THIMBLE_CHECK(checkpoint.length_ <= max_tokens_ && checkpoint.recurrent_bytes() == half.size_bytes());
  if (!half.empty()) std::memcpy(half.data(), checkpoint.floats_->data(), half.size_bytes());
  for (std::size_t i = 0; i < checkpoint.pages_.size(); ++i) {
    if (i >= pages_.size() || pages_[i] != checkpoint.pages_[i]) PutPage(i, checkpoint.pages_[i]);
  }
  length_ = checkpoint.length_;
  num_pending_ = 0;
}

void DecoderState::ForEachPart(const std::function<void(const StatePart& part)>& visit) const {
  const int held = (length_ + KvView::kPageTokens - 1) / KvView::kPageTokens;
  for (int i = 0; i < held && i < static_cast<int>(pages_.size()); ++i)
    visit({StatePart::Kind::kKeysAndValues, i, std::as_bytes(pages_[static_cast<std::size_t>(i)]->span())});
  visit({StatePart::Kind::kRecurrent, 0, std::as_bytes(halves_[committed_half_].span())});
}

void DecoderState::Clear() {
  Buffer<float>& half = halves_[committed_half_];
  std::fill(half.data(), half.data() + half.size(), 0.0F);
  length_ = 0;
  num_pending_ = 0;
}

}  // namespace thimble
