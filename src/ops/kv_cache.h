// SPDX-License-Identifier: Apache-2.0
// How keys and values of past tokens lie in memory.
#pragma once

#include "base/mat_view.h"
#include "kernels/float_kernels.h"
#include "ops/ops.h"

#include <cstddef>
#include <cstdint>

namespace thimble {

enum class KvType {
  kF32,
  kF16,
  kQ8,  // signed 8-bit codes, a float scale per 32 numbers of a head's row
};

// Bytes of one token's keys, or values, of one head of width `head`.
std::size_t KvRowBytes(KvType type, int head);

// Keys and values of one layer, in pages of kPageTokens tokens. A page holds the keys of each KV head, then the values
// of each. Keys lie in blocks of kBlockTokens tokens, a block [C, kBlockTokens]: the first number of every token, the
// second of every token ..., so that scores of many tokens are computed side by side, in the order of C. Values are
// [kPageTokens, C]. With kQ8 the scales come first: [ceil(C / 32), kBlockTokens] in a block of keys, [kPageTokens,
// ceil(C / 32)] before a page's values; C of the codes is rounded up to whole 32s.
struct KvView {
  static constexpr int kPageTokens = 256;
  static constexpr int kBlockTokens = 64;
  KvType type = KvType::kF32;
  int num_kv_heads = 0;  // G
  int head = 0;          // C
  std::byte* const* pages = nullptr;
  std::int64_t length = 0;  // tokens stored

  // The keys of the block that begins with token `token`.
  [[nodiscard]] std::byte* Keys(int kv_head, std::int64_t token) const;
  // The values of the page of token `token`.
  [[nodiscard]] std::byte* Values(int kv_head, std::int64_t token) const;
};

// These make keys or values the right side of a product: b, scales and their strides. Values from token `token` on.
void SetKeys(const KvView& kv, int kv_head, std::int64_t token, kernels::KvProduct* product);
void SetValues(const KvView& kv, int kv_head, std::int64_t token, kernels::KvProduct* product);

// Writes T rows of keys and values (each [T, G * C] floats), rounded to the cache's type, at tokens first .. first + T
// - 1; the pages must exist.
void StoreKv(const Ops& ops, const KvView& kv, std::int64_t first, MatView<const float> k, MatView<const float> v);

}  // namespace thimble
