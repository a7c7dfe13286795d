// SPDX-License-Identifier: Apache-2.0
// Bounds of every size a model file may claim, and the checks that config readers share.
#pragma once

#include "base/result.h"
#include "model/config.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace thimble {

inline constexpr int kMaxLayers = 1024;
inline constexpr int kMaxWidth = 1 << 17;
inline constexpr int kMaxHeads = 1024;
inline constexpr int kMaxHead = 1024;
inline constexpr int kMaxVocab = 1 << 22;

struct Range {
  std::int64_t least;
  std::int64_t most;
};
// Puts a value that must lie in `range` into out; a missing one becomes `fallback`, or an error that names the key.
Status Take(std::string_view key, std::optional<std::int64_t> value, Range range, std::optional<std::int64_t> fallback,
            int* out);
// The side of the square grid that `rows` learned positions form.
Status TakeSide(std::int64_t rows, VisionConfig* vision);
// Sections of interleaved mRoPE where a file names none: as even as they get, the first axes one more.
std::array<int, 3> DefaultSections(int rotary);
// Sizes that must fit each other.
Status CheckSizes(const ModelConfig& config);
Status CheckVisionSizes(const VisionConfig& vision);

}  // namespace thimble
