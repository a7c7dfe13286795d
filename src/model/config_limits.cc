// SPDX-License-Identifier: Apache-2.0
#include "model/config_limits.h"

#include "base/text.h"

#include <algorithm>
#include <utility>

namespace thimble {

Status Take(std::string_view key, std::optional<std::int64_t> value, Range range, std::optional<std::int64_t> fallback,
            int* out) {
  if (!value.has_value()) {
    if (!fallback.has_value()) return Error{Code::kCorrupt, Cat("[config] ", key, " is missing")};
    value = fallback;
  }
  if (*value < range.least || *value > range.most) {
    return Error{Code::kCorrupt,
                 Cat("[config] ", key, " must be from ", range.least, " to ", range.most, ", found ", *value)};
  }
  *out = static_cast<int>(*value);
  return Done{};
}

void Warn(std::vector<std::string>* warnings, std::string text) {
  if (warnings == nullptr || std::find(warnings->begin(), warnings->end(), text) != warnings->end()) return;
  warnings->push_back(std::move(text));
}

void WarnOfScaling(std::string_view type, std::vector<std::string>* warnings) {
  if (type.empty() || type == "none" || type == "default" || type == "mrope") return;
  Warn(warnings, Cat("the file asks for rope scaling '", EscapeControls(type),
                     "', which is not applied: the model runs as it does without"));
}

Status TakeSide(std::int64_t rows, VisionConfig* vision) {
  int side = 1;
  while (static_cast<std::int64_t>(side) * side < rows && side < 4096) ++side;
  if (rows < 1 || static_cast<std::int64_t>(side) * side != rows) {
    return Error{Code::kCorrupt,
                 Cat("[config] the vision tower's learned positions must form a square grid, found ", rows)};
  }
  vision->position_side = side;
  return Done{};
}

std::array<int, 3> DefaultSections(int rotary) {
  const int pairs = rotary / 2;
  return {(pairs + 2) / 3, (pairs + 1) / 3, pairs / 3};
}

Status CheckSizes(const ModelConfig& config) {
  const auto fault = [](const auto&... parts) { return Error{Code::kCorrupt, Cat("[config] ", parts...)}; };
  if (config.num_heads % config.num_kv_heads != 0 || config.num_heads / config.num_kv_heads > 32) {
    return fault(config.num_heads, " query heads cannot share ", config.num_kv_heads, " KV heads");
  }
  if (config.rotary % 2 != 0 || config.rotary > config.head)
    return fault("rotary dimension ", config.rotary, " of a head of ", config.head);
  const auto& s = config.rope_sections;
  if (s[0] + s[1] + s[2] != config.rotary / 2) {
    return fault("mRoPE sections ", s[0], " + ", s[1], " + ", s[2], " must be half the rotary dimension ",
                 config.rotary);
  }
  if (!(config.rope_theta > 1.0) || !(config.rope_theta < 1e15)) return fault("rope base ", config.rope_theta);
  if (!(config.norm_eps >= 0.0F) || !(config.norm_eps < 1.0F)) return fault("norm epsilon ", config.norm_eps);
  const DeltaShape& delta = config.delta;
  if (delta.num_value_heads % delta.num_key_heads != 0) {
    return fault(delta.num_value_heads, " delta value heads are no multiple of ", delta.num_key_heads, " key heads");
  }
  if (delta.value_head > kMaxHead || static_cast<std::int64_t>(delta.num_value_heads) * delta.value_head > kMaxWidth) {
    return fault("delta value heads of ", delta.value_head, " numbers are too large");
  }
  return Done{};
}

Status CheckVisionSizes(const VisionConfig& vision) {
  const auto fault = [](const auto&... parts) { return Error{Code::kCorrupt, Cat("[config] vision: ", parts...)}; };
  if (vision.width % vision.num_heads != 0)
    return fault("width ", vision.width, " is no multiple of ", vision.num_heads, " heads");
  const int head = vision.width / vision.num_heads;
  if (head % 4 != 0 || head > kMaxHead) return fault("a head of ", head, " numbers; a multiple of 4 is needed");
  if (!(vision.norm_eps >= 0.0F) || !(vision.norm_eps < 1.0F)) return fault("norm epsilon ", vision.norm_eps);
  if (vision.patches.patch != 16 || vision.patches.merge != 2 || vision.patches.temporal != 2) {
    return Error{Code::kUnsupported,
                 Cat("[config] vision: patch ", vision.patches.patch, ", merge ", vision.patches.merge, ", temporal ",
                     vision.patches.temporal, "; this family has 16, 2, 2")};
  }
  return Done{};
}

}  // namespace thimble
