// SPDX-License-Identifier: Apache-2.0
// Bounds of every size a model file may claim, and the checks that config readers share.
#pragma once

#include "base/result.h"
#include "model/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

inline constexpr int kMaxLayers = 1024;
inline constexpr int kMaxWidth = 1 << 17;
inline constexpr int kMaxHeads = 1024;
inline constexpr int kMaxHead = 1024;
inline constexpr int kMaxVocab = 1 << 22;

inline constexpr const char* kMissingMtp =
    "the file announces an MTP layer that it does not hold completely: running without drafts";

inline constexpr const char* kHasDeepstack =
    "[config] vision: the tower feeds early layers of the text model (deepstack), which Qwen 3.5 does not";

struct Range {
  std::int64_t least;
  std::int64_t most;
};
// Puts a value that must lie in `range` into out; a missing one becomes `fallback`, or an error that names the key.
Status Take(std::string_view key, std::optional<std::int64_t> value, Range range, std::optional<std::int64_t> fallback,
            int* out);
// Adds a warning, once; `warnings` may be nullptr.
void Warn(std::vector<std::string>* warnings, std::string text);
// Warns of a rope scaling ("yarn") that the model runs without; "", "none", "default" and "mrope" are none.
void WarnOfScaling(std::string_view type, std::vector<std::string>* warnings);
// The side of the square grid that `rows` learned positions form.
Status TakeSide(std::int64_t rows, VisionConfig* vision);
// Sections of interleaved mRoPE where a file names none: as even as they get, the first axes one more.
std::array<int, 3> DefaultSections(int rotary);
// Sizes that must fit each other.
Status CheckSizes(const ModelConfig& config);
Status CheckVisionSizes(const VisionConfig& vision);

// config_meaning.cc: kUnsupported, naming key and value, where a setting of other architectures (scales, caps, windows,
// experts, ...) changes what is computed. `head` is the width of an attention head.
Status CheckGgufMeaning(const Metadata& meta, int head);
Status CheckTowerMeaning(const Metadata& meta);  // of a vision file in llama.cpp's form
Status CheckHfMeaning(const Json& root, const Json& text, int head);
// kUnsupported where a GGUF says that it is neither a model nor, `is_vision_file`, a vision file.
Status CheckGgufType(const Metadata& meta, bool is_vision_file);

// config_quantised.cc: kUnsupported, naming the method, where config.json or a file beside it says that the weights are
// quantised in a way that is not read. `text` is config.json's part about the text model.
Status CheckQuantisation(const ModelFile& file, const Json& root, const Json& text);
// A LoRA adapter that lies in the folder: alone it is no model (kUnsupported), beside one it is warned of.
Status CheckAdapter(const ModelFile& file, std::vector<std::string>* warnings);

// processor_config.cc: warns of settings for pictures and videos, a folder's or those in Ollama's one file, that say
// otherwise than what is computed.
Status CheckProcessor(const ModelFile& file, std::vector<std::string>* warnings);

// config_hf.cc: the config of a Hugging Face folder, sizes not yet checked against each other.
Status HuggingFaceConfig(const ModelFile& file, ModelConfig* config, std::vector<std::string>* warnings);

}  // namespace thimble
