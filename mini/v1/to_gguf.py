# SPDX-License-Identifier: Apache-2.0
"""A Hugging Face folder of this project's student -> GGUF files (docs/formats.md): the decoder and the vision tower."""

from __future__ import annotations

import json
import pathlib
import re

import gguf
import numpy as np
from safetensors.torch import load_file

from .iq4_nl import iq4_nl
from .tokens import ID, SPECIAL, VISIBLE

Kind = gguf.GGMLQuantizationType
FILE_TYPES = {
    "F16": (Kind.F16, gguf.LlamaFileType.MOSTLY_F16),
    "Q8_0": (Kind.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "Q4_0": (Kind.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
    "IQ4_NL": (Kind.IQ4_NL, gguf.LlamaFileType.MOSTLY_IQ4_NL),
}
LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "linear_attn.in_proj_qkv.weight": "attn_qkv.weight",
    "linear_attn.in_proj_z.weight": "attn_gate.weight",
    "linear_attn.in_proj_b.weight": "ssm_beta.weight",
    "linear_attn.in_proj_a.weight": "ssm_alpha.weight",
    "linear_attn.conv1d.weight": "ssm_conv1d.weight",
    "linear_attn.A_log": "ssm_a",
    "linear_attn.dt_bias": "ssm_dt.bias",
    "linear_attn.norm.weight": "ssm_norm.weight",
    "linear_attn.out_proj.weight": "ssm_out.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
}
DRAFT = {
    "fc": "nextn.eh_proj",
    "pre_fc_norm_embedding": "nextn.enorm",
    "pre_fc_norm_hidden": "nextn.hnorm",
    "norm": "nextn.shared_head_norm",
}
VISION = {
    "patch_embed.proj.bias": "v.patch_embd.bias",
    "pos_embed.weight": "v.position_embd.weight",
    "merger.norm": "v.post_ln",
    "merger.linear_fc1": "mm.0",
    "merger.linear_fc2": "mm.2",
}
VISION_BLOCK = {
    "norm1": "ln1",
    "norm2": "ln2",
    "attn.qkv": "attn_qkv",
    "attn.proj": "attn_out",
    "mlp.linear_fc1": "ffn_up",
    "mlp.linear_fc2": "ffn_down",
}


def decoder_name(name: str, layers: int) -> str:
    """Hugging Face name -> GGUF name; the draft head is block number `layers`."""
    short = re.sub(r"^model\.language_model\.", "", name)
    if short == "embed_tokens.weight":
        return "token_embd.weight"
    if short == "norm.weight":
        return "output_norm.weight"
    if short.startswith("layers."):
        _, number, rest = short.split(".", 2)
        return f"blk.{number}.{LAYER[rest]}"
    if short.startswith("mtp.layers."):
        return f"blk.{layers}.{LAYER[short.split('.', 3)[3]]}"
    return f"blk.{layers}.{DRAFT[short.split('.')[1]]}.weight"


def decoder_value(name: str, w: np.ndarray) -> np.ndarray:
    """What the file holds: A instead of its logarithm, taps without the middle dimension, norm weights with the 1
    added.

    Delta layers have as many key heads as value heads here, so value heads need no reordering.
    """
    if name.endswith(".A_log"):
        return -np.exp(w)
    if "conv1d" in name:
        return w[:, 0]
    if (name.endswith("norm.weight") and "linear_attn.norm" not in name) or re.search(
        r"pre_fc_norm_\w+\.weight$", name
    ):
        return w + 1
    return w


def vision_tensors(name: str, w: np.ndarray) -> list[tuple[str, np.ndarray]]:
    short = name.removeprefix("model.visual.")
    if short == "patch_embed.proj.weight":  # one tensor a frame
        return [("v.patch_embd.weight", w[:, :, 0]), ("v.patch_embd.weight.1", w[:, :, 1])]
    if short in VISION:
        return [(VISION[short], w)]
    stem, leaf = short.rsplit(".", 1)
    if stem.startswith("blocks."):
        _, number, rest = stem.split(".", 2)
        return [(f"v.blk.{number}.{VISION_BLOCK[rest]}.{leaf}", w)]
    return [(f"{VISION[stem]}.{leaf}", w)]


def stored(name: str, w: np.ndarray, kind: Kind) -> tuple[np.ndarray, Kind]:
    """A tensor as it is written, and its type. What training never rounds to 4 bits stays wider: vectors and norms
    F32, the convolution F32, the two small projections of the delta layers Q8_0, the embedding Q8_0 (Q5_0 in the
    smallest file).
    """
    if (
        w.ndim == 1
        or name.endswith("_norm.weight")
        or not name.endswith((".weight", ".weight.1"))
        or "ssm_conv1d" in name
        or "position_embd" in name
    ):
        return w.astype(np.float32), Kind.F32
    if kind in (Kind.Q4_0, Kind.IQ4_NL):
        if "ssm_alpha" in name or "ssm_beta" in name:
            kind = Kind.Q8_0
        elif name == "token_embd.weight":
            kind = Kind.Q8_0 if kind == Kind.Q4_0 else Kind.Q5_0
    if kind == Kind.F16:
        return w.astype(np.float16), kind
    return (iq4_nl(w) if kind == Kind.IQ4_NL else gguf.quants.quantize(w.astype(np.float32), kind)), kind


def add_vocabulary(writer: gguf.GGUFWriter, folder: pathlib.Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokens = [text for text, _ in sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])]
    if tokens[: len(SPECIAL)] != SPECIAL:
        raise SystemExit(f"{folder}: Qwen's special tokens do not stand at ids 0 to {len(SPECIAL) - 1}")
    # 3 control, 4 user-defined (kept when special tokens are skipped), 1 normal
    kinds = [3 if text.startswith("<|") or text not in VISIBLE else 4 for text in SPECIAL] + [1] * (
        len(tokens) - len(SPECIAL)
    )
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen35")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(
        [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
    )
    writer.add_eos_token_id(ID["<|im_end|>"])
    writer.add_pad_token_id(ID["<|endoftext|>"])
    writer.add_add_bos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))


def add_sizes(writer: gguf.GGUFWriter, text: dict) -> None:
    blocks, drafts, rope = text["num_hidden_layers"], text["mtp_num_hidden_layers"], text["rope_parameters"]
    recurrent = [kind == "linear_attention" for kind in text["layer_types"]] + [False] * drafts
    writer.add_array("qwen35.attention.recurrent_layers", recurrent)
    writer.add_block_count(blocks + drafts)
    writer.add_context_length(text["max_position_embeddings"])
    writer.add_embedding_length(text["hidden_size"])
    writer.add_feed_forward_length(text["intermediate_size"])
    writer.add_head_count(text["num_attention_heads"])
    writer.add_head_count_kv(text["num_key_value_heads"])
    writer.add_rope_dimension_sections([*rope["mrope_section"], 0])
    writer.add_rope_dimension_count(int(text["head_dim"] * rope["partial_rotary_factor"]))
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    writer.add_layer_norm_rms_eps(text["rms_norm_eps"])
    writer.add_key_length(text["head_dim"])
    writer.add_value_length(text["head_dim"])
    writer.add_ssm_conv_kernel(text["linear_conv_kernel_dim"])
    writer.add_ssm_state_size(text["linear_key_head_dim"])
    writer.add_ssm_group_count(text["linear_num_key_heads"])
    writer.add_ssm_time_step_rank(text["linear_num_value_heads"])
    writer.add_ssm_inner_size(text["linear_value_head_dim"] * text["linear_num_value_heads"])
    writer.add_full_attention_interval(text["full_attention_interval"])
    writer.add_uint32("qwen35.nextn_predict_layers", drafts)


def begin(path: pathlib.Path, architecture: str, kind_of_file: str, file_type: gguf.LlamaFileType) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_type(kind_of_file)
    writer.add_name("Thimble Mini")
    writer.add_license("apache-2.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    return writer


def finish(writer: gguf.GGUFWriter, tensors: list[tuple[str, np.ndarray]], kind: Kind) -> None:
    for name, w in tensors:
        data, stored_kind = stored(name, np.ascontiguousarray(w), kind)
        writer.add_tensor(name, data, raw_dtype=stored_kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_folder(folder: pathlib.Path) -> tuple[dict, dict[str, np.ndarray]]:
    """config.json and the tensors in float32."""
    tensors = {name: w.float().numpy() for name, w in load_file(folder / "model.safetensors").items()}
    return json.loads((folder / "config.json").read_text(encoding="utf-8")), tensors


def write_decoder(folder: pathlib.Path, path: pathlib.Path, type_name: str) -> None:
    config, tensors = read_folder(folder)
    kind, file_type = FILE_TYPES[type_name]
    text = config["text_config"]
    writer = begin(path, "qwen35", "model", file_type)
    add_sizes(writer, text)
    add_vocabulary(writer, folder)
    finish(
        writer,
        [
            (decoder_name(name, text["num_hidden_layers"]), decoder_value(name, w))
            for name, w in tensors.items()
            if not name.startswith("model.visual.")
        ],
        kind,
    )


def write_vision(folder: pathlib.Path, path: pathlib.Path) -> None:
    """The mmproj file, F16."""
    config, tensors = read_folder(folder)
    shown = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    vision = config["vision_config"]
    writer = begin(path, "clip", "mmproj", gguf.LlamaFileType.MOSTLY_F16)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "qwen3vl_merger")
    writer.add_bool("clip.use_gelu", True)
    side = round(vision["num_position_embeddings"] ** 0.5)
    for key, value in {
        "image_size": side * vision["patch_size"],
        "patch_size": vision["patch_size"],
        "embedding_length": vision["hidden_size"],
        "feed_forward_length": vision["intermediate_size"],
        "block_count": vision["depth"],
        "projection_dim": config["text_config"]["hidden_size"],
        "spatial_merge_size": vision["spatial_merge_size"],
        "attention.head_count": vision["num_heads"],
    }.items():
        writer.add_uint32("clip.vision." + key, value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [float(x) for x in shown["image_mean"]])
    writer.add_array("clip.vision.image_std", [float(x) for x in shown["image_std"]])
    writer.add_array("clip.vision.is_deepstack_layers", [False] * vision["depth"])
    finish(
        writer,
        [item for name, w in tensors.items() if name.startswith("model.visual.") for item in vision_tensors(name, w)],
        Kind.F16,
    )


def convert(folder: pathlib.Path, out: pathlib.Path) -> list[pathlib.Path]:
    """All files of a folder -> their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for type_name in FILE_TYPES:
        paths.append(out / f"thimble-mini-{type_name}.gguf")
        write_decoder(folder, paths[-1], type_name)
    paths.append(out / "mmproj-thimble-mini-F16.gguf")
    write_vision(folder, paths[-1])
    return paths
