// SPDX-License-Identifier: Apache-2.0
#include "ops/kv_cache.h"

#include "base/check.h"
#include "kernels/packed_kernels.h"

#include <algorithm>
#include <cstring>

namespace thimble {

namespace {

constexpr std::int64_t kBlock = KvView::kBlockTokens;

std::int64_t ScalesOf(int head) { return (head + kernels::kBlock - 1) / kernels::kBlock; }

// A head's row as codes: scales [ScalesOf(head)], codes of whole scales.
void QuantiseRow(const Ops& ops, const float* from, int head, float* scales, std::int8_t* codes) {
  for (std::int64_t first = 0; first < head; first += kernels::kSuper) {
    kernels::QuantisedSuper super;
    ops.kernels.packed->quantise_row(from + first, std::min<std::int64_t>(head - first, kernels::kSuper), &super, 1);
    const std::int64_t blocks =
        std::min<std::int64_t>(ScalesOf(head) - first / kernels::kBlock, kernels::kSuper / kernels::kBlock);
    std::copy_n(super.scales, blocks, scales + first / kernels::kBlock);
    std::copy_n(super.codes, blocks * kernels::kBlock, codes + first);
  }
}

// rows[t][c] -> block[c][t], t < count: a few tokens at a time, so that neighbours share a visit to a cache line.
template <typename T>
void StoreColumns(const T* rows, std::int64_t row_stride, std::int64_t count, std::int64_t head, T* block) {
  for (std::int64_t c = 0; c < head; ++c) {
    for (std::int64_t t = 0; t < count; ++t) block[c * kBlock + t] = rows[t * row_stride + c];
  }
}

// Tokens that are rounded before they are stored.
constexpr std::int64_t kStoreTokens = 8;
constexpr int kLargestHead = 1024;

// At most kStoreTokens tokens of one block, of one head.
void StoreKeys(const Ops& ops, const KvView& kv, int kv_head, std::int64_t first, MatView<const float> from) {
  const int head = kv.head;
  const std::int64_t place = first % kBlock;
  std::byte* block = kv.Keys(kv_head, first - place);
  switch (kv.type) {
    case KvType::kF32:
      StoreColumns(from.data, from.stride, from.rows, head, reinterpret_cast<float*>(block) + place);
      break;
    case KvType::kF16: {
      std::uint16_t rows[kStoreTokens * kLargestHead];
      for (std::int64_t t = 0; t < from.rows; ++t) ops.kernels.f32->f32_to_f16(from.Row(t), head, rows + t * head);
      StoreColumns(rows, head, from.rows, head, reinterpret_cast<std::uint16_t*>(block) + place);
      break;
    }
    case KvType::kQ8: {
      const std::int64_t num_scales = ScalesOf(head);
      const std::int64_t width = num_scales * kernels::kBlock;
      auto* scales = reinterpret_cast<float*>(block);
      auto* codes = reinterpret_cast<std::int8_t*>(scales + kBlock * num_scales);
      float scale_rows[kStoreTokens * kLargestHead / kernels::kBlock];
      std::int8_t code_rows[kStoreTokens * kLargestHead];
      for (std::int64_t t = 0; t < from.rows; ++t)
        QuantiseRow(ops, from.Row(t), head, scale_rows + t * num_scales, code_rows + t * width);
      StoreColumns(scale_rows, num_scales, from.rows, num_scales, scales + place);
      StoreColumns(code_rows, width, from.rows, width, codes + place);
      break;
    }
  }
}

void StoreValues(const Ops& ops, const KvView& kv, int kv_head, std::int64_t first, MatView<const float> from) {
  const int head = kv.head;
  const std::int64_t place = first % KvView::kPageTokens;
  std::byte* values = kv.Values(kv_head, first);
  const std::int64_t num_scales = ScalesOf(head);
  for (std::int64_t t = 0; t < from.rows; ++t) {
    switch (kv.type) {
      case KvType::kF32:
        std::copy_n(from.Row(t), head, reinterpret_cast<float*>(values) + (place + t) * head);
        break;
      case KvType::kF16:
        ops.kernels.f32->f32_to_f16(from.Row(t), head, reinterpret_cast<std::uint16_t*>(values) + (place + t) * head);
        break;
      case KvType::kQ8: {
        auto* scales = reinterpret_cast<float*>(values);
        auto* codes = reinterpret_cast<std::int8_t*>(scales + KvView::kPageTokens * num_scales);
        QuantiseRow(ops, from.Row(t), head, scales + (place + t) * num_scales,
                    codes + (place + t) * num_scales * kernels::kBlock);
        break;
      }
    }
  }
}

// All tokens of one block, of one head.
void StoreBlock(const Ops& ops, const KvView& kv, int kv_head, std::int64_t first, MatView<const float> k,
                MatView<const float> v) {
  for (std::int64_t t = 0; t < k.rows; t += kStoreTokens) {
    StoreKeys(ops, kv, kv_head, first + t, k.Rows(t, std::min(kStoreTokens, k.rows - t)));
  }
  StoreValues(ops, kv, kv_head, first, v);
}

}  // namespace

std::size_t KvRowBytes(KvType type, int head) {
  const auto width = static_cast<std::size_t>(head);
  if (type == KvType::kF32) return width * sizeof(float);
  if (type == KvType::kF16) return width * sizeof(std::uint16_t);
  return static_cast<std::size_t>(ScalesOf(head)) * (kernels::kBlock + sizeof(float));
}

std::byte* KvView::Keys(int kv_head, std::int64_t token) const {
  THIMBLE_DCHECK(token % kBlockTokens == 0);
  const std::int64_t row = static_cast<std::int64_t>(kv_head) * kPageTokens + token % kPageTokens;
  return pages[token / kPageTokens] + static_cast<std::size_t>(row) * KvRowBytes(type, head);
}
std::byte* KvView::Values(int kv_head, std::int64_t token) const {
  const std::int64_t row = static_cast<std::int64_t>(num_kv_heads + kv_head) * kPageTokens;
  return pages[token / kPageTokens] + static_cast<std::size_t>(row) * KvRowBytes(type, head);
}

void SetKeys(const KvView& kv, int kv_head, std::int64_t token, kernels::KvProduct* product) {
  const std::byte* block = kv.Keys(kv_head, token);
  product->b = block;
  product->b_stride = kBlock;
  if (kv.type != KvType::kQ8) return;
  product->scales = reinterpret_cast<const float*>(block);
  product->scale_stride = kBlock;
  product->b = product->scales + kBlock * ScalesOf(kv.head);
}

void SetValues(const KvView& kv, int kv_head, std::int64_t token, kernels::KvProduct* product) {
  const std::byte* values = kv.Values(kv_head, token);
  const std::int64_t row = token % KvView::kPageTokens;
  if (kv.type != KvType::kQ8) {
    product->b = values + static_cast<std::size_t>(row) * KvRowBytes(kv.type, kv.head);
    product->b_stride = kv.head;
    return;
  }
  const std::int64_t num_scales = ScalesOf(kv.head);
  product->scales = reinterpret_cast<const float*>(values) + row * num_scales;
  product->scale_stride = num_scales;
  product->b_stride = num_scales * kernels::kBlock;
  product->b =
      values + static_cast<std::size_t>(KvView::kPageTokens * num_scales) * sizeof(float) + row * product->b_stride;
}

void StoreKv(const Ops& ops, const KvView& kv, std::int64_t first, MatView<const float> k, MatView<const float> v) {
  static_assert(KvView::kPageTokens % kBlock == 0, "a block lies in one page");
  THIMBLE_CHECK(kv.head <= kLargestHead);
  const std::int64_t first_block = first / kBlock;
  const std::int64_t num_blocks = (first + k.rows + kBlock - 1) / kBlock - first_block;
  const auto store = [&](int task, int) {
    const std::int64_t block = (first_block + task / kv.num_kv_heads) * kBlock;
    const std::int64_t begin = std::max(block, first);
    const std::int64_t count = std::min(block + kBlock, first + k.rows) - begin;
    const int kv_head = task % kv.num_kv_heads;
    const std::int64_t column = static_cast<std::int64_t>(kv_head) * kv.head;
    StoreBlock(ops, kv, kv_head, begin, k.Rows(begin - first, count).Cols(column, kv.head),
               v.Rows(begin - first, count).Cols(column, kv.head));
  };
  const auto num_tasks = static_cast<int>(num_blocks * kv.num_kv_heads);
  if (k.rows >= kBlock) {
    ops.pool.Run(num_tasks, store);
  } else {
    for (int task = 0; task < num_tasks; ++task) store(task, 0);
  }
}

}  // namespace thimble
