# SPDX-License-Identifier: Apache-2.0
"""The tokenizer: SmolLM2's vocabulary and merges behind Qwen 3.5's pre-tokenizer, with Qwen's special tokens at ids 0
to 16.

SmolLM2 keeps 17 special tokens at those ids, so the vocabulary's size and every other id stay as they are. Its own
three that matter for chats, <|endoftext|>, <|im_start|> and <|im_end|>, already stand at 0, 1 and 2.
"""

from __future__ import annotations

import json
import pathlib

from tokenizers import Tokenizer

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
]
ID = {text: number for number, text in enumerate(SPECIAL)}
END_OF_TEXT, TURN_START, TURN_END, IMAGE = (
    ID["<|endoftext|>"],
    ID["<|im_start|>"],
    ID["<|im_end|>"],
    ID["<|image_pad|>"],
)
# One token each, but kept when a decoder drops special tokens (as in the released Qwen 3.5 tokenizers).
VISIBLE = {text for text in SPECIAL if not text.startswith("<|")} | {
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
}
# How Qwen 3.5 cuts text before byte-pair merging: contractions, letters with marks, single digits, punctuation, line
# ends, blanks.
PRETOKENIZER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def build(values: dict) -> dict:
    """The content of tokenizer.json from the teacher's GGUF key values."""
    tokens = SPECIAL + values["tokenizer.ggml.tokens"][len(SPECIAL) :]
    if len(set(tokens)) != len(tokens):
        raise ValueError("a special token of Qwen's is in the teacher's vocabulary already")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    added = [
        {
            "id": number,
            "content": text,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": text not in VISIBLE,
        }
        for number, text in enumerate(SPECIAL)
    ]
    split = {"type": "Split", "pattern": {"Regex": PRETOKENIZER}, "behavior": "Isolated", "invert": False}
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {text: number for number, text in enumerate(tokens)},
        "merges": [merge.split(" ") for merge in values["tokenizer.ggml.merges"]],
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": model,
    }


def write(values: dict, path: pathlib.Path) -> None:
    path.write_text(json.dumps(build(values), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load(path: pathlib.Path) -> Tokenizer:
    return Tokenizer.from_file(str(path))
