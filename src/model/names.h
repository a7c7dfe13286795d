// SPDX-License-Identifier: Apache-2.0
// Tensor names: one row per weight, GGUF name and Hugging Face name. "{}" stands for the layer. Ollama keeps text and
// tower in one GGUF, and names the tower's weights in a way of its own; text weights it names as everybody does.
#pragma once

#include "files/model_file.h"

#include <array>
#include <string>
#include <string_view>

namespace thimble {

struct WeightName {
  std::string_view gguf;
  std::string_view hf;           // below the text model's or the tower's prefix
  std::string_view ollama = {};  // the tower's weights in Ollama's one file
};
// In which of the three ways a file names the weights of its vision tower.
enum class TowerForm { kGguf, kHuggingFace, kOllama };

namespace names {
inline constexpr WeightName kEmbedding = {"token_embd.weight", "embed_tokens.weight"};
inline constexpr WeightName kOutput = {"output.weight", "lm_head.weight"};
inline constexpr WeightName kFinalNorm = {"output_norm.weight", "norm.weight"};
// Layers; an MTP layer has the same below another prefix (Hugging Face: mtp.layers.0).
inline constexpr WeightName kMixerNorm = {"blk.{}.attn_norm.weight", "layers.{}.input_layernorm.weight"};
inline constexpr WeightName kMlpNorm = {"blk.{}.post_attention_norm.weight",
                                        "layers.{}.post_attention_layernorm.weight"};
inline constexpr WeightName kMlpGate = {"blk.{}.ffn_gate.weight", "layers.{}.mlp.gate_proj.weight"};
inline constexpr WeightName kMlpUp = {"blk.{}.ffn_up.weight", "layers.{}.mlp.up_proj.weight"};
inline constexpr WeightName kMlpDown = {"blk.{}.ffn_down.weight", "layers.{}.mlp.down_proj.weight"};
inline constexpr WeightName kQ = {"blk.{}.attn_q.weight", "layers.{}.self_attn.q_proj.weight"};
inline constexpr WeightName kK = {"blk.{}.attn_k.weight", "layers.{}.self_attn.k_proj.weight"};
inline constexpr WeightName kV = {"blk.{}.attn_v.weight", "layers.{}.self_attn.v_proj.weight"};
inline constexpr WeightName kAttentionOut = {"blk.{}.attn_output.weight", "layers.{}.self_attn.o_proj.weight"};
inline constexpr WeightName kQNorm = {"blk.{}.attn_q_norm.weight", "layers.{}.self_attn.q_norm.weight"};
inline constexpr WeightName kKNorm = {"blk.{}.attn_k_norm.weight", "layers.{}.self_attn.k_norm.weight"};
inline constexpr WeightName kDeltaQkv = {"blk.{}.attn_qkv.weight", "layers.{}.linear_attn.in_proj_qkv.weight"};
inline constexpr WeightName kDeltaZ = {"blk.{}.attn_gate.weight", "layers.{}.linear_attn.in_proj_z.weight"};
inline constexpr WeightName kDeltaBeta = {"blk.{}.ssm_beta.weight", "layers.{}.linear_attn.in_proj_b.weight"};
inline constexpr WeightName kDeltaAlpha = {"blk.{}.ssm_alpha.weight", "layers.{}.linear_attn.in_proj_a.weight"};
inline constexpr WeightName kDeltaConv = {"blk.{}.ssm_conv1d.weight", "layers.{}.linear_attn.conv1d.weight"};
inline constexpr WeightName kDeltaDt = {"blk.{}.ssm_dt.bias", "layers.{}.linear_attn.dt_bias"};
inline constexpr WeightName kDeltaA = {"blk.{}.ssm_a", "layers.{}.linear_attn.A_log"};
inline constexpr WeightName kDeltaNorm = {"blk.{}.ssm_norm.weight", "layers.{}.linear_attn.norm.weight"};
inline constexpr WeightName kDeltaOut = {"blk.{}.ssm_out.weight", "layers.{}.linear_attn.out_proj.weight"};
inline constexpr WeightName kMtpFc = {"blk.{}.nextn.eh_proj.weight", "mtp.fc.weight"};
inline constexpr WeightName kMtpEmbeddingNorm = {"blk.{}.nextn.enorm.weight", "mtp.pre_fc_norm_embedding.weight"};
inline constexpr WeightName kMtpHiddenNorm = {"blk.{}.nextn.hnorm.weight", "mtp.pre_fc_norm_hidden.weight"};
inline constexpr WeightName kMtpFinalNorm = {"blk.{}.nextn.shared_head_norm.weight", "mtp.norm.weight"};
// Vision tower.
inline constexpr WeightName kPatch = {"v.patch_embd.weight", "patch_embed.proj.weight", "v.patch_embed.weight"};
inline constexpr WeightName kPatchSecond = {"v.patch_embd.weight.1", ""};  // GGUF: temporal slice 1 on its own
inline constexpr WeightName kPatchBias = {"v.patch_embd.bias", "patch_embed.proj.bias", "v.patch_embed.bias"};
inline constexpr WeightName kPositions = {"v.position_embd.weight", "pos_embed.weight", "v.pos_embed.weight"};
inline constexpr WeightName kVisionNorm1 = {"v.blk.{}.ln1.", "blocks.{}.norm1.", "v.blk.{}.norm1."};
inline constexpr WeightName kVisionNorm2 = {"v.blk.{}.ln2.", "blocks.{}.norm2.", "v.blk.{}.norm2."};
inline constexpr WeightName kVisionQkv = {"v.blk.{}.attn_qkv.", "blocks.{}.attn.qkv.", "v.blk.{}.attn_qkv."};
// Queries, keys and values on their own, as Ollama's converter cuts them.
inline constexpr std::array<WeightName, 3> kVisionParts = {{{"v.blk.{}.attn_q.", "", "v.blk.{}.attn_q."},
                                                            {"v.blk.{}.attn_k.", "", "v.blk.{}.attn_k."},
                                                            {"v.blk.{}.attn_v.", "", "v.blk.{}.attn_v."}}};
inline constexpr WeightName kVisionProj = {"v.blk.{}.attn_out.", "blocks.{}.attn.proj.", "v.blk.{}.attn_out."};
inline constexpr WeightName kVisionFc1 = {"v.blk.{}.ffn_up.", "blocks.{}.mlp.linear_fc1.", "v.blk.{}.mlp.linear_fc1."};
inline constexpr WeightName kVisionFc2 = {"v.blk.{}.ffn_down.", "blocks.{}.mlp.linear_fc2.",
                                          "v.blk.{}.mlp.linear_fc2."};
inline constexpr WeightName kMergerNorm = {"v.post_ln.", "merger.norm.", "v.merger.norm."};
inline constexpr WeightName kMergerFc1 = {"mm.0.", "merger.linear_fc1.", "v.merger.linear_fc1."};
inline constexpr WeightName kMergerFc2 = {"mm.2.", "merger.linear_fc2.", "v.merger.linear_fc2."};
}  // namespace names

// `pattern` with its "{}" replaced by the layer.
std::string NameOfLayer(std::string_view pattern, int layer);
// A tensor of the text model (or mtp.*, lm_head) of a Hugging Face file under any prefix that exports use; nullptr when
// there is none.
const TensorEntry* FindHfText(const ModelFile& file, std::string_view name);
// The same for the vision tower.
const TensorEntry* FindHfVision(const ModelFile& file, std::string_view name);
// The part of a Hugging Face name below the prefix of the text model or of the tower, and which of the two it is; the
// whole name and kText where it has no such prefix.
struct HfPlace {
  bool is_tower = false;
  std::string_view name;
};
HfPlace PlaceOfHf(std::string_view full_name);
// True where a GGUF holds a vision tower in Ollama's form.
bool HoldsOllamaTower(const ModelFile& file);
TowerForm TowerFormOf(const ModelFile& file);
// Name of a weight of the tower in a file of that form, its layer filled in, prefixes of Hugging Face left out.
std::string NameOfTower(TowerForm form, const WeightName& name, int layer);

// What a tensor that was not found would be called in this file: `name` under the prefix that others there have.
std::string HfTextName(const ModelFile& file, std::string_view name);
std::string HfVisionName(const ModelFile& file, std::string_view name);

// Name of a weight of the MTP head in a GGUF or Hugging Face file whose model has `num_layers` layers without it.
std::string NameOfMtp(ModelFile::Format format, const WeightName& name, int num_layers);

}  // namespace thimble
