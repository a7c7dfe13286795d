// SPDX-License-Identifier: Apache-2.0
// The dot step of plain SIMD128 on x86. Included after packed_wasm_words.inl.

constexpr int kTilePanels = 1;
constexpr int kBlockTileRows = 2;
constexpr int kJoinedTileRows = 0;

template <int kBits, int kCount>
using DotSum = WordsDot<kBits, kCount>;
