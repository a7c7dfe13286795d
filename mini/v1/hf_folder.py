# SPDX-License-Identifier: Apache-2.0
"""A checkpoint as a Hugging Face folder of Qwen3_5ForConditionalGeneration."""

from __future__ import annotations

import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file

from .shape import Shape
from .tokens import ID, SPECIAL, VISIBLE

# Kept in float32, as in the released files: the decay and the norm inside Gated DeltaNet. Everything else is bfloat16.
WIDE = ("linear_attn.A_log", "linear_attn.norm.weight")


def config(shape: Shape) -> dict:
    layers = ["full_attention" if shape.is_attention(number) else "linear_attention" for number in range(shape.layers)]
    rope = {
        "rope_type": "default",
        "rope_theta": shape.rope_theta,
        "partial_rotary_factor": 1.0,
        "mrope_interleaved": True,
        "mrope_section": list(shape.rope_sections),
    }
    text = {
        "model_type": "qwen3_5_text",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "attn_output_gate": True,
        "dtype": "bfloat16",
        "eos_token_id": ID["<|endoftext|>"],
        "full_attention_interval": shape.attention_interval,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "hidden_size": shape.width,
        "initializer_range": 0.02,
        "intermediate_size": shape.mlp,
        "layer_types": layers,
        "linear_conv_kernel_dim": shape.conv,
        "linear_key_head_dim": shape.head_dim,
        "linear_value_head_dim": shape.head_dim,
        "linear_num_key_heads": shape.heads,
        "linear_num_value_heads": shape.heads,
        "mamba_ssm_dtype": "float32",
        "max_position_embeddings": shape.context,
        "mlp_only_layers": [],
        "mtp_num_hidden_layers": 1,
        "mtp_use_dedicated_embeddings": False,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "rms_norm_eps": shape.eps,
        "tie_word_embeddings": True,
        "use_cache": True,
        "vocab_size": shape.vocabulary,
        "rope_parameters": rope,
    }
    vision = {
        "model_type": "qwen3_5_vision",
        "depth": shape.vision_layers,
        "hidden_size": shape.vision_width,
        "num_heads": shape.vision_heads,
        "intermediate_size": shape.vision_mlp,
        "out_hidden_size": shape.width,
        "hidden_act": "gelu_pytorch_tanh",
        "in_channels": 3,
        "patch_size": shape.patch,
        "temporal_patch_size": 2,
        "spatial_merge_size": shape.merge,
        "num_position_embeddings": shape.position_grid**2,
        "deepstack_visual_indexes": [],
        "initializer_range": 0.02,
        "dtype": "bfloat16",
    }
    return {
        "architectures": ["Qwen3_5ForConditionalGeneration"],
        "model_type": "qwen3_5",
        "text_config": text,
        "vision_config": vision,
        "tie_word_embeddings": True,
        "image_token_id": ID["<|image_pad|>"],
        "video_token_id": ID["<|video_pad|>"],
        "vision_start_token_id": ID["<|vision_start|>"],
        "vision_end_token_id": ID["<|vision_end|>"],
    }


def tokenizer_config(shape: Shape) -> dict:
    added = {
        str(number): {
            "content": text,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": text not in VISIBLE,
        }
        for number, text in enumerate(SPECIAL)
    }
    return {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": added,
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_bos_token": "<|vision_start|>",
        "vision_eos_token": "<|vision_end|>",
        "model_max_length": shape.context,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }


def preprocessors(shape: Shape) -> dict[str, dict]:
    """Pictures from 64 x 64 to 256 x 256 pixels: what training shows."""
    common = {
        "patch_size": shape.patch,
        "temporal_patch_size": 2,
        "merge_size": shape.merge,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "processor_class": "Qwen3VLProcessor",
    }
    least, most = 64 * 64, 256 * 256
    return {
        "preprocessor_config.json": {
            "size": {"longest_edge": most, "shortest_edge": least},
            **common,
            "image_processor_type": "Qwen2VLImageProcessorFast",
        },
        "video_preprocessor_config.json": {
            "size": {"longest_edge": 8 * most, "shortest_edge": least},
            **common,
            "video_processor_type": "Qwen3VLVideoProcessor",
        },
    }


def assemble(
    checkpoint: pathlib.Path, shape: Shape, tokenizer: pathlib.Path, template: pathlib.Path, folder: pathlib.Path
) -> int:
    """Writes the folder; -> the number of parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, w in load_file(checkpoint).items():
        if not bool(w.isfinite().all()):
            raise SystemExit(f"{name} of {checkpoint} is not finite: the run went wrong")
        tensors[name] = (w.float() if name.endswith(WIDE) else w.to(torch.bfloat16)).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    generation = {
        "bos_token_id": None,
        "do_sample": True,
        "eos_token_id": [ID["<|im_end|>"], ID["<|endoftext|>"]],
        "pad_token_id": ID["<|endoftext|>"],
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.8,
    }
    files = {
        "config.json": config(shape),
        "generation_config.json": generation,
        "tokenizer_config.json": tokenizer_config(shape),
        **preprocessors(shape),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    shutil.copyfile(template, folder / "chat_template.jinja")
    return sum(w.numel() for w in tensors.values())
