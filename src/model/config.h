// SPDX-License-Identifier: Apache-2.0
// ModelConfig: every size of a Qwen 3.5 model, read from GGUF metadata or config.json and range-checked.
//
// Shape letters, used in every shape comment (docs/shapes.md):
//   T rows in a pass     D model width      F MLP width          V vocabulary
//   H query heads        G KV heads         C head width         E delta key heads
//   U delta value heads  S delta head width L tokens remembered  P patches
//   N, K rows (outputs) and columns (inputs) of a weight
#pragma once

#include "base/result.h"
#include "files/model_file.h"
#include "image/preprocess.h"
#include "ops/delta_net.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace thimble {

enum class LayerKind { kDelta, kAttention };

struct VisionConfig {
  int depth = 0;
  int width = 0;  // Vh
  int num_heads = 0;
  int head = 0;  // width / num_heads
  int mlp = 0;
  int out_width = 0;      // D of the text model
  int position_side = 0;  // the learned positions are a square grid of this side
  PatchSizes patches;
  double rope_theta = 10000.0;
  float norm_eps = 1e-6F;
};

struct ModelConfig {
  std::string name;  // for people
  int width = 0;     // D
  int mlp = 0;       // F
  int vocab = 0;     // V, rows of the embedding, padding included
  std::vector<LayerKind> layers;
  int num_heads = 0;     // H
  int num_kv_heads = 0;  // G
  int head = 0;          // C
  int rotary = 0;        // rotary dims of a head
  double rope_theta = 1e7;
  std::array<int, 3> rope_sections{};
  float norm_eps = 1e-6F;
  DeltaShape delta;
  int conv_taps = 4;
  int context_length = 0;  // the model's own maximum
  bool is_tied = true;     // output head = embedding
  bool has_mtp = false;    // decided by the tensors that are there, not by what the metadata announces
  std::optional<VisionConfig> vision;

  [[nodiscard]] int num_layers() const { return static_cast<int>(layers.size()); }
  [[nodiscard]] int num_attention_layers() const;
  [[nodiscard]] int conv_channels() const {  // q | k | v of a delta layer
    return 2 * delta.num_key_heads * delta.key_head + delta.num_value_heads * delta.value_head;
  }
};

// Reads the text model's sizes from `text`, and the tower's from `vision` (an mmproj GGUF), or from `text` itself where
// that holds one (a Hugging Face folder). `warnings` collects what is odd but bearable. Errors name key and value.
// `vision` may be nullptr. A tower whose projection width is not D is kInvalid, naming both.
Result<ModelConfig> ReadModelConfig(const ModelFile& text, const ModelFile* vision, std::vector<std::string>* warnings);

// Warns where a GGUF announces a vision tower (Ollama's keys) and `config` has none, from wherever.
void WarnOfMissingTower(const ModelFile& text, const ModelConfig& config, std::vector<std::string>* warnings);

// Pixel limits of a folder or of Ollama's one file, else the released ones. As in transformers 5,
// processor_config.json's image_processor and video_processor come before preprocessor_config.json and
// video_preprocessor_config.json. Errors: kSystem where one of these is there and the system does not read it.
Result<PixelLimits> ReadPixelLimits(const ModelFile& text);
Result<VideoLimits> ReadVideoLimits(const ModelFile& text);

}  // namespace thimble
