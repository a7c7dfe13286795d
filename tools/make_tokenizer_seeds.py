#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz/tokenizer_fuzz.cc: a small vocabulary as tokenizer.json and as GGUF, and some texts.

    tools/make_tokenizer_seeds.py [folder, default fuzz/corpus/tokenizer]

The first byte of a seed says what it is: J, G or T. Needs only Python 3. Running it again gives the same bytes.
"""
import json
import pathlib
import struct
import sys

RULE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+")
TEXTS = {
    "words": "It's one o'clock, they'LL see: 2024!\r\n\r\n  if (x) {\n\treturn 'y';\n}   ",
    "marks": "e\u0301 q\u0307\u0323 \u0928\u092e\u0938\u094d\u0924\u0947 \u1100\u1161\u11a8 \u212b \u0344 \u0958",
    "added": "<|a|><|a|>b<|a|>bb<|a<think><<|a|>|></think>",
    "runs": "a" * 200 + " " * 70 + "\u5929\u5730" * 40 + "\U0001f600\u200d\U0001f4bb",
}
BROKEN = b"\xff\xe4\xbd a\xf0\x9f\x98 \xed\xa0\x80\xc0\xaf"


def byte_alphabet():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256)]


def tokenizer_json(merges):
    vocab = {text: i for i, text in enumerate(byte_alphabet() + ["th", "the"])}
    return json.dumps({
        "added_tokens": [{"id": 260, "content": "<|im_end|>", "special": True}, {"id": 261, "content": "<think>"}],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": RULE}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}]},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "ignore_merges": False, "vocab": vocab, "merges": merges},
    }, ensure_ascii=False).encode()


def gguf():
    def text(value):
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    def string(name, value):
        return text(name) + struct.pack("<I", 8) + text(value)

    def strings(name, values):
        return text(name) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))

    tokens = byte_alphabet() + ["th", "<|im_end|>", "[PAD258]"]
    types = [1] * 257 + [3, 5]
    pairs = [string("tokenizer.ggml.model", "gpt2"), string("tokenizer.ggml.pre", "qwen35"),
             strings("tokenizer.ggml.tokens", tokens), strings("tokenizer.ggml.merges", ["t h"]),
             text("tokenizer.ggml.token_type") + struct.pack(f"<IIQ{len(types)}i", 9, 5, len(types), *types),
             text("tokenizer.ggml.eos_token_id") + struct.pack("<II", 4, 257)]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "fuzz/corpus/tokenizer")
    folder.mkdir(parents=True, exist_ok=True)
    seeds = {f"text_{name}": b"T" + text.encode() for name, text in TEXTS.items()}
    seeds["text_broken"] = b"T" + BROKEN
    seeds["json_pairs"] = b"J" + tokenizer_json([["t", "h"], ["th", "e"]])
    seeds["json_strings"] = b"J" + tokenizer_json(["t h", "th e"])
    seeds["gguf"] = b"G" + gguf()
    for name, seed in seeds.items():
        (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main()
