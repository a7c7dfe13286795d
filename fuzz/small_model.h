// SPDX-License-Identifier: Apache-2.0
// The smallest models that are right, for targets that fuzz one part beside them.
#pragma once

#include "base/text.h"
#include "files/model_file.h"
#include "gguf_writer.h"
#include "model/config.h"
#include "model/load.h"
#include "sys/byte_source.h"
#include "sys/thread_pool.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::fuzz {

inline void Require(bool condition) {
  if (!condition) std::abort();
}

struct SmallTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

// Widths of 4 everywhere, one head, a vocabulary of 8; a delta layer and an attention layer; names as `is_gguf` says.
inline std::vector<SmallTensor> SmallText(bool is_gguf) {
  std::vector<SmallTensor> tensors;
  const auto add = [&](std::string_view gguf, std::string_view hf, std::vector<std::int64_t> shape) {
    tensors.push_back({is_gguf ? std::string(gguf) : Cat("model.language_model.", hf), std::move(shape)});
  };
  add("token_embd.weight", "embed_tokens.weight", {8, 4});
  add("output_norm.weight", "norm.weight", {4});
  for (const char* layer : {"0", "1"}) {
    const auto part = [&](std::string_view gguf, std::string_view hf, std::vector<std::int64_t> shape) {
      add(Cat("blk.", layer, ".", gguf), Cat("layers.", layer, ".", hf), std::move(shape));
    };
    part("attn_norm.weight", "input_layernorm.weight", {4});
    part("post_attention_norm.weight", "post_attention_layernorm.weight", {4});
    part("ffn_gate.weight", "mlp.gate_proj.weight", {4, 4});
    part("ffn_up.weight", "mlp.up_proj.weight", {4, 4});
    part("ffn_down.weight", "mlp.down_proj.weight", {4, 4});
    if (layer[0] == '0') {
      part("attn_qkv.weight", "linear_attn.in_proj_qkv.weight", {12, 4});
      part("attn_gate.weight", "linear_attn.in_proj_z.weight", {4, 4});
      part("ssm_beta.weight", "linear_attn.in_proj_b.weight", {1, 4});
      part("ssm_alpha.weight", "linear_attn.in_proj_a.weight", {1, 4});
      part("ssm_conv1d.weight", "linear_attn.conv1d.weight", {12, 1, 2});
      part("ssm_dt.bias", "linear_attn.dt_bias", {1});
      part("ssm_a", "linear_attn.A_log", {1});
      part("ssm_norm.weight", "linear_attn.norm.weight", {4});
      part("ssm_out.weight", "linear_attn.out_proj.weight", {4, 4});
    } else {
      part("attn_q.weight", "self_attn.q_proj.weight", {8, 4});
      part("attn_k.weight", "self_attn.k_proj.weight", {4, 4});
      part("attn_v.weight", "self_attn.v_proj.weight", {4, 4});
      part("attn_output.weight", "self_attn.o_proj.weight", {4, 4});
      part("attn_q_norm.weight", "self_attn.q_norm.weight", {4});
      part("attn_k_norm.weight", "self_attn.k_norm.weight", {4});
    }
  }
  return tensors;
}

// A tower of one block under Hugging Face's names.
inline std::vector<SmallTensor> SmallTower() {
  std::vector<SmallTensor> tensors;
  const auto pair = [&](const char* stem, std::vector<std::int64_t> shape) {
    tensors.push_back({Cat("model.visual.", stem, ".bias"), {shape[0]}});
    tensors.push_back({Cat("model.visual.", stem, ".weight"), std::move(shape)});
  };
  pair("patch_embed.proj", {4, 3, 2, 16, 16});
  tensors.push_back({"model.visual.pos_embed.weight", {4, 4}});
  for (const char* norm : {"blocks.0.norm1", "blocks.0.norm2", "merger.norm"}) pair(norm, {4});
  pair("blocks.0.attn.qkv", {12, 4});
  for (const char* square : {"blocks.0.attn.proj", "blocks.0.mlp.linear_fc1", "blocks.0.mlp.linear_fc2"})
    pair(square, {4, 4});
  pair("merger.linear_fc1", {16, 16});
  pair("merger.linear_fc2", {4, 16});
  return tensors;
}

inline std::int64_t CountOf(const SmallTensor& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape) count *= size;
  return count;
}

// All numbers are zero.
inline std::vector<std::byte> SafetensorsOf(const std::vector<SmallTensor>& tensors) {
  std::string header = "{";
  std::int64_t end = 0;
  for (const SmallTensor& tensor : tensors) {
    std::string shape;
    for (const std::int64_t size : tensor.shape) shape += Cat(shape.empty() ? "" : ",", size);
    const std::int64_t begin = std::exchange(end, end + 4 * CountOf(tensor));
    header += Cat(header.size() > 1 ? "," : "", "\"", tensor.name, R"(":{"dtype":"F32","shape":[)", shape,
                  R"(],"data_offsets":[)", begin, ",", end, "]}");
  }
  testing::ByteWriter file;
  file.Text(header + "}").Chars(std::string(static_cast<std::size_t>(end), '\0'));
  return file.bytes();
}

inline std::vector<std::byte> SmallGguf() {
  testing::GgufWriter file;
  file.TextKey("general.architecture", "qwen35");
  for (const auto& [key, value] : std::map<std::string, std::uint32_t>{{"block_count", 2},
                                                                       {"embedding_length", 4},
                                                                       {"feed_forward_length", 4},
                                                                       {"attention.head_count", 1},
                                                                       {"attention.head_count_kv", 1},
                                                                       {"attention.key_length", 4},
                                                                       {"attention.value_length", 4},
                                                                       {"rope.dimension_count", 2},
                                                                       {"full_attention_interval", 2},
                                                                       {"ssm.conv_kernel", 2},
                                                                       {"ssm.state_size", 4},
                                                                       {"ssm.group_count", 1},
                                                                       {"ssm.time_step_rank", 1},
                                                                       {"ssm.inner_size", 4},
                                                                       {"context_length", 64}}) {
    file.Key<std::uint32_t>("qwen35." + key, 4, value);
  }
  for (const SmallTensor& tensor : SmallText(true)) {
    file.Tensor(tensor.name, {tensor.shape.rbegin(), tensor.shape.rend()}, 0,
                std::string(static_cast<std::size_t>(4 * CountOf(tensor)), '\0'));
  }
  return file.Bytes();
}

// config.json of the folder that SmallText and SmallTower make.
inline constexpr std::string_view kSmallConfig =
    R"({"model_type":"qwen3_5","tie_word_embeddings":true,"text_config":{"hidden_size":4,"intermediate_size":4,)"
    R"("vocab_size":8,"num_hidden_layers":2,"full_attention_interval":2,"num_attention_heads":1,)"
    R"("num_key_value_heads":1,"head_dim":4,"linear_num_key_heads":1,"linear_num_value_heads":1,)"
    R"("linear_key_head_dim":4,"linear_value_head_dim":4,"linear_conv_kernel_dim":2,"max_position_embeddings":64,)"
    R"("rope_parameters":{"partial_rotary_factor":0.5}},"vision_config":{"depth":1,"hidden_size":4,)"
    R"("intermediate_size":4,"num_heads":1,"out_hidden_size":4,"patch_size":16}})";

inline Result<ModelFile> FolderOf(std::vector<NamedSource> parts, std::map<std::string, std::string> side_files,
                                  std::map<std::string, std::string> index = {}) {
  SafetensorsModel model{"fuzz", "fuzz", std::move(parts), std::move(index), {}};
  model.side_files = [files =
                          std::move(side_files)](const std::string& name) -> Result<std::shared_ptr<const ByteSource>> {
    const auto found = files.find(name);
    if (found == files.end()) return Error{Code::kNotFound, Cat("fuzz/", name, ": [file] is not there")};
    const auto bytes = std::as_bytes(std::span(found->second));
    return MemorySource({bytes.begin(), bytes.end()});
  };
  return ModelFile::FromSafetensors(std::move(model));
}

// The folder with these side files.
inline Result<ModelFile> SmallFolder(std::map<std::string, std::string> side_files) {
  static const std::vector<std::byte> bytes = [] {
    std::vector<SmallTensor> tensors = SmallText(false);
    for (SmallTensor& tensor : SmallTower()) tensors.push_back(std::move(tensor));
    return SafetensorsOf(tensors);
  }();
  return FolderOf({{"fuzz/model.safetensors", MemorySource(bytes)}}, std::move(side_files));
}

// Whatever the model: an error with a message, or weights. Whether it was weights, in both precisions.
inline bool CheckModel(const ModelFile& text, const ModelFile* vision) {
  std::vector<std::string> warnings;
  const auto config = ReadModelConfig(text, vision, &warnings);
  if (!config.ok()) {
    Require(!config.error().message.empty());
    return false;
  }
  const auto unused = FindUnusedTensors(text, vision, config.value());
  WarnOfUnused(unused, &warnings);
  WarnOfMissingTower(text, config.value(), &warnings);
  if (const Status status = CheckUnused(unused); !status.ok()) Require(!status.error().message.empty());
  constexpr int kContext = 64;
  constexpr std::int64_t kPatches = 64;
  const MemoryNeeds needs = EstimateMemory(text, vision, config.value(), Precision::kFast, KvType::kF16,
                                           kernels::Family::kFileRows, kContext, kPatches, 1);
  Require(needs.total() >= needs.weights_bytes);
  static ThreadPool pool(1);
  bool are_all_loaded = true;
  for (const Precision precision : {Precision::kExact, Precision::kFast}) {
    LoadOptions options;
    options.pool = &pool;
    options.precision = precision;
    options.warnings = &warnings;
    const auto weights = LoadWeights(text, vision, config.value(), options);
    if (!weights.ok()) Require(!weights.error().message.empty());
    are_all_loaded = are_all_loaded && weights.ok();
  }
  return are_all_loaded;
}

}  // namespace thimble::fuzz
