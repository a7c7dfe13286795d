# SPDX-License-Identifier: Apache-2.0
"""A teacher and training data small enough for a test: made here, from a seed, in the formats of the real ones."""

from __future__ import annotations

import json
import lzma
import pathlib
import random
import struct

import cv2
import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from v0.convert import ARRAY, F32, FLOAT32, INT32, Q8_0, STRING, UINT32, floats, quantised_q8_0, write_gguf
from v1.shape import MICRO
from v1.tokens import SPECIAL, TURN_END

COLOURS = "red green blue white black".split()
THINGS = "cup lamp boat bird house tree door book".split()


def sentences(rng: random.Random, count: int) -> str:
    return " ".join(
        f"The {rng.choice(COLOURS)} {rng.choice(THINGS)} is {rng.randint(2, 99)} days old." for _ in range(count)
    )


def tokenizer_parts(text: str) -> tuple[list[str], list[str]]:
    """Tokens (17 specials, 256 bytes, learned pairs) and merges of a byte-level BPE over `text`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    # SmolLM2's special tokens: Qwen's three that both have, then names of its own where Qwen's others will stand.
    special = SPECIAL[:3] + [f"<teacher_token_{number}>" for number in range(len(SPECIAL) - 3)]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=MICRO.vocabulary, special_tokens=special, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return tokens, merges


def write_teacher(path: pathlib.Path) -> None:
    """A Llama GGUF with random weights: matrices Q8_0 and F32, norms F32, in GGUF's row order like the real one."""
    rng = np.random.default_rng(11)
    shape = MICRO
    layers = shape.layers + len(shape.dropped_teacher_layers)
    key = shape.kv_heads * shape.head_dim
    tokens, merges = tokenizer_parts(sentences(random.Random(1), 200))
    assert len(tokens) == shape.vocabulary
    tensors = []

    def add(name: str, rows: int, columns: int, size: float, kind: int = Q8_0) -> None:
        w = (rng.standard_normal((rows, columns)) * size).astype(np.float32)
        if name == "token_embd.weight":
            # Hidden rows lie near their own token's, so that every eighth token makes the end likely: some answers end.
            w[TURN_END] = 1.2 * w[len(SPECIAL) :: 8].sum(0)
        data = w.tobytes() if kind == F32 else b"".join(quantised_q8_0(row.tolist()) for row in w)
        tensors.append((name, kind, [columns, rows], data))

    def add_norm(name: str) -> None:
        tensors.append((name, F32, [shape.width], floats(rng.uniform(0.5, 1.5, shape.width).tolist())))

    add("token_embd.weight", shape.vocabulary, shape.width, 0.2)
    add_norm("output_norm.weight")
    for layer in range(layers):
        name = f"blk.{layer}."
        add(name + "attn_q.weight", shape.width, shape.width, 0.15)
        add(name + "attn_k.weight", key, shape.width, 0.15)
        add(name + "attn_v.weight", key, shape.width, 0.15)
        add(name + "attn_output.weight", shape.width, shape.width, 0.1)
        add(name + "ffn_gate.weight", shape.mlp, shape.width, 0.12)
        add(name + "ffn_up.weight", shape.mlp, shape.width, 0.12)
        add(name + "ffn_down.weight", shape.width, shape.mlp, 0.08, F32)
        add_norm(name + "attn_norm.weight")
        add_norm(name + "ffn_norm.weight")
    prefix = "llama."
    values = [
        ("general.architecture", STRING, "llama"),
        (prefix + "block_count", UINT32, layers),
        (prefix + "embedding_length", UINT32, shape.width),
        (prefix + "attention.head_count", UINT32, shape.heads),
        (prefix + "attention.head_count_kv", UINT32, shape.kv_heads),
        (prefix + "attention.layer_norm_rms_epsilon", FLOAT32, struct.unpack("<f", struct.pack("<f", 1e-5))[0]),
        (prefix + "rope.freq_base", FLOAT32, 100000.0),
        ("tokenizer.ggml.tokens", (ARRAY, STRING), tokens),
        ("tokenizer.ggml.token_type", (ARRAY, INT32), [1] * len(tokens)),
        ("tokenizer.ggml.merges", (ARRAY, STRING), merges),
    ]
    write_gguf(str(path), values, tensors)


def json_lines(path: pathlib.Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def chat(question: str, answer: str) -> str:
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n{answer}<|im_end|>\n"


def write_text(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    rng = random.Random(3)
    for part in range(2):
        with lzma.open(folder / f"corpus{part}.xz", "wt", encoding="utf-8") as file:
            file.write("\0".join(sentences(rng, 12) for _ in range(30)))
    questions = [f"What about {thing} {number}?" for number in range(8) for thing in THINGS]
    json_lines(folder / "prompts.jsonl", [{"prompt": question, "source": "test"} for question in questions])
    answers = []
    for question in questions:
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": sentences(rng, 1)}]
        answers.append({"messages": turns, "source": "test"})
    json_lines(folder / "answers.jsonl", answers)
    sums = [(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(64)]
    json_lines(folder / "skills.jsonl", [{"text": chat(f"{a} + {b}?", str(a + b)), "skill": "arith"} for a, b in sums])
    checks = []
    for a, b in sums[:4]:
        text = chat(f"{a} + {b}?", "").removesuffix("<|im_end|>\n")
        checks.append({"skill": "arith", "text": text, "check": {"type": "equals", "value": a + b}, "thinking": False})
    json_lines(folder / "eval_text.jsonl", checks)


def write_pictures(folder: pathlib.Path) -> None:
    """No picture files: the sampler then draws shapes only. Two held-out pictures of one colour."""
    (folder / "eval_vision").mkdir(parents=True)
    rows = []
    for name, colour in (("red", (30, 30, 220)), ("blue", (220, 90, 40))):
        picture = np.empty((64, 96, 3), np.uint8)
        picture[:] = colour
        cv2.circle(picture, (48, 32), 18, (250, 250, 250), -1)
        cv2.imwrite(str(folder / "eval_vision" / f"{name}.png"), picture)
        row = {"image": f"eval_vision/{name}.png", "question": "What colour?", "accept": [name], "kind": "shapes"}
        rows.append(row)
    json_lines(folder / "eval_vision.jsonl", rows)


def write(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """-> the teacher's file and the data's folder."""
    write_teacher(folder / "teacher.gguf")
    write_text(folder / "data" / "text")
    write_pictures(folder / "data" / "pictures")
    return folder / "teacher.gguf", folder / "data"
