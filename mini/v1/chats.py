# SPDX-License-Identifier: Apache-2.0
"""Conversations: their text in the chat template's form, which tokens are trained, and batches of them."""

from __future__ import annotations

import json
import lzma
import pathlib
import re
from collections.abc import Iterator

import numpy as np
import torch
from tokenizers import Tokenizer

from .tokens import END_OF_TEXT, IMAGE

EMPTY_THINK = "<think>\n\n</think>\n\n"  # what the template writes before an answer without thinking
IGNORE = -100  # target of a token that is not trained
TILE = 64  # lengths are padded to multiples of this (gpu_kernels.py)
TEACHER_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
ASSISTANT_TURN = re.compile(r"(<\|im_start\|>assistant\n)(.*?<\|im_end\|>)", re.S)


def turn(role: str, text: str) -> str:
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def prompt(user: str, system: str | None = None) -> str:
    """Up to where the assistant begins, without a think block."""
    return (turn("system", system) if system else "") + turn("user", user) + "<|im_start|>assistant\n"


def exchange(user: str, answer: str) -> str:
    """One question and its answer as the Qwen 3.5 template renders them with thinking off."""
    return prompt(user) + EMPTY_THINK + answer + "<|im_end|>\n"


def json_lines(path: pathlib.Path) -> Iterator[dict]:
    """The objects of a JSON Lines file, PATH or PATH.xz."""
    packed = path.with_name(path.name + ".xz")
    with lzma.open(packed, "rt", encoding="utf-8") if packed.exists() else open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def trained_pieces(text: str) -> list[tuple[str, bool]]:
    """A rendered conversation in pieces (text, trained?): trained is what the assistant itself writes, up to
    <|im_end|>.

    The think block's beginning is written by the template, so it is context.
    """
    pieces, at = [], 0
    for match in ASSISTANT_TURN.finditer(text):
        pieces.append((text[at : match.end(1)], False))
        answer = match.group(2)
        for given in (EMPTY_THINK, "<think>\n"):
            if answer.startswith(given):
                pieces.append((given, False))
                answer = answer[len(given) :]
                break
        pieces.append((answer, True))
        at = match.end()
    pieces.append((text[at:], False))
    return [piece for piece in pieces if piece[0]]


def encode(tokenizer: Tokenizer, texts: list[str], step: int = 4000) -> Iterator[tuple[list[int], list[int]]]:
    """Rendered conversations -> (ids, loss mask) of each. In batches: one call a piece would take minutes."""
    for start in range(0, len(texts), step):
        conversations = [trained_pieces(text) for text in texts[start : start + step]]
        encoded = iter(tokenizer.encode_batch_fast([text for pieces in conversations for text, _ in pieces]))
        for pieces in conversations:
            ids, mask = [], []
            for _, trained in pieces:
                piece = next(encoded).ids
                ids.extend(piece)
                mask.extend([int(trained)] * len(piece))
            yield ids, mask


def place_pictures(
    ids: list[int], mask: list[int], grids: list[tuple[int, int]]
) -> tuple[list[int], list[int], np.ndarray]:
    """Widens each <|image_pad|> to one token a merged patch -> ids, mask, positions [3, T] (time, row, column).

    grids: (patch rows, patch columns) of each picture. A picture's tokens share one time; the text after it goes on
    at the largest position plus one (Qwen2-VL, arXiv 2409.12191, section 2.1).
    """
    out_ids, out_mask, positions, now = [], [], [], 0
    remaining = iter(grids)
    for token, trained in zip(ids, mask):
        if token != IMAGE:
            out_ids.append(token)
            out_mask.append(trained)
            positions.append(np.full((3, 1), now))
            now += 1
            continue
        rows, columns = (side // 2 for side in next(remaining))
        out_ids += [IMAGE] * (rows * columns)
        out_mask += [0] * (rows * columns)
        row, column = np.divmod(np.arange(rows * columns), columns)
        positions.append(np.stack([np.full(rows * columns, now), now + row, now + column]))
        now += max(rows, columns)
    return out_ids, out_mask, np.concatenate(positions, 1)


def pad(items) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """items: (ids, mask, positions [3, T] or None) -> ids [B, T], targets [B, T] (the next token, or -100), positions
    [3, B, T].
    """
    length = -(-max(len(item[0]) for item in items) // TILE) * TILE
    ids = np.full((len(items), length), END_OF_TEXT, np.int64)
    targets = np.full((len(items), length), IGNORE, np.int64)
    positions = np.zeros((3, len(items), length), np.int64)
    for row, (tokens, mask, places) in enumerate(items):
        count = len(tokens)
        ids[row, :count] = tokens
        targets[row, : count - 1] = np.where(np.asarray(mask[1:]) > 0, np.asarray(tokens[1:]), IGNORE)
        positions[:, row, :count] = np.arange(count) if places is None else places
        positions[:, row, count:] = positions[:, row, :count].max() + 1
    return torch.from_numpy(ids), torch.from_numpy(targets), torch.from_numpy(positions)


def batches(items: list[tuple[list[int], list[int]]], tokens: int, rng: np.random.Generator):
    """Endless padded batches of at most about `tokens` tokens, conversations of similar length together, in random
    order.
    """
    if not items:
        raise ValueError("no conversations to train on")
    while True:
        order = rng.permutation(len(items))
        for start in range(0, len(order), 4096):
            pool = sorted(order[start : start + 4096], key=lambda i: len(items[i][0]))
            groups, group, longest = [], [], 0
            for i in pool:
                length = -(-len(items[i][0]) // TILE) * TILE
                if group and max(longest, length) * (len(group) + 1) > tokens:
                    groups.append(group)
                    group, longest = [], 0
                group.append(i)
                longest = max(longest, length)
            if group:
                groups.append(group)
            for i in rng.permutation(len(groups)):
                yield pad([(*items[j], None) for j in groups[i]])
