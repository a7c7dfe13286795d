#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A tiny Qwen 3.5 GGUF that answers every prompt with exactly the given pieces of text, then ends.

    script_model.py SOURCE.gguf PIECES.json OUT.gguf

SOURCE is the fixture gguf/text-untied-bf16.gguf; PIECES a list of strings, one generated token each. Mixers and MLPs are zero, so the
next token depends on the last one alone: a chain of output rows does the rest. It begins at the newline that prompts of conversations
end in.
"""
import json
import random
import struct
import sys

import gguf_edit

START, END = 198, 2002  # newline and <|im_end|> in the source's vocabulary
BF16, F32 = 30, 0       # GGUF's numbers
STRING, ARRAY = 8, 9
NORMAL_TOKEN = 1
SILENCED = ("ssm_out", "attn_output", "ffn_down")  # what mixers and MLPs add to the stream goes through these


def byte_alphabet():
    """GPT-2's printable stand-in for each byte."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table = {b: chr(b) for b in plain}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(plain))
    return table


def spelled(text):
    """The text as a token of a byte-level vocabulary."""
    alphabet = byte_alphabet()
    return "".join(alphabet[b] for b in text.encode()).encode()


def bf16_row(row):
    return b"".join(struct.pack("<f", x)[2:] for x in row)


def build(source, pieces, out, end=END, start=START):
    """Writes the model that says `pieces`, strings of which none is empty, behind the token `start`."""
    keys, tensors = gguf_edit.read(source)
    (width, vocabulary), _, _ = tensors["token_embd.weight"]
    element, tokens = keys["tokenizer.ggml.tokens"][1]
    rows = vocabulary + len(pieces)
    rng = random.Random(7)
    embedding = [[rng.choice((-1.0, 1.0)) for _ in range(width)] for _ in range(rows)]
    head = [None] * rows
    chain = [start, *range(vocabulary, rows), end]
    for here, after in zip(chain, chain[1:]):
        head[after] = embedding[here]
    tensors["token_embd.weight"] = ([width, rows], BF16, b"".join(bf16_row(row) for row in embedding))
    tensors["output.weight"] = ([width, rows], BF16, b"".join(bf16_row(row) if row else bytes(2 * width) for row in head))
    tensors["output_norm.weight"] = ([width], F32, struct.pack(f"<{width}f", *[1.0] * width))
    for name, (dims, kind, data) in list(tensors.items()):
        if any(part in name for part in SILENCED):
            tensors[name] = (dims, kind, bytes(len(data)))
    keys["tokenizer.ggml.tokens"] = (ARRAY, (element, tokens + [spelled(piece) for piece in pieces]))
    element, kinds = keys["tokenizer.ggml.token_type"][1]
    keys["tokenizer.ggml.token_type"] = (ARRAY, (element, kinds + [NORMAL_TOKEN] * len(pieces)))
    gguf_edit.write(out, keys, tensors)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    with open(sys.argv[2], encoding="utf-8") as file:
        build(sys.argv[1], json.load(file), sys.argv[3])
