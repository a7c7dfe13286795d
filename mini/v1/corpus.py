# SPDX-License-Identifier: Apache-2.0
"""The token stream that distillation reads: prose, and the teacher's own conversations in the teacher's own format."""

from __future__ import annotations

import lzma
import os
import pathlib
import random

import numpy as np
import torch
from tokenizers import Tokenizer

from .chats import TEACHER_SYSTEM, prompt
from .tokens import END_OF_TEXT, TURN_END


def tokenise(tokenizer: Tokenizer, parts: list[pathlib.Path]) -> np.ndarray:
    """xz files of documents separated by NUL -> uint16 ids, <|endoftext|> after each document."""
    out = []
    for path in parts:
        with lzma.open(path, "rt", encoding="utf-8", errors="replace") as file:
            documents = file.read().split("\0")
        for start in range(0, len(documents), 2000):
            for encoded in tokenizer.encode_batch(documents[start : start + 2000]):
                out.append(np.asarray(encoded.ids + [END_OF_TEXT], np.uint16))
    return np.concatenate(out)


def tokens_of(tokenizer: Tokenizer, folder: pathlib.Path, cache: pathlib.Path) -> np.ndarray:
    """The corpus in `folder` (corpus*.xz) as uint16 ids, kept in `cache` for the next stage."""
    if cache.exists():
        return np.load(cache)
    parts = sorted(folder.glob("corpus*.xz"))
    if not parts:
        raise FileNotFoundError(f"no corpus*.xz in {folder}")
    ids = tokenise(tokenizer, parts)
    part = cache.with_suffix(".part")
    with open(part, "wb") as file:
        np.save(file, ids)
    os.replace(part, cache)
    return ids


def conversations(tokenizer: Tokenizer, rows: list[dict], rng: random.Random) -> np.ndarray | None:
    """The teacher's answers ({prompt, answer} rows) as one stream of ids in a random order; None without any."""
    if not rows:
        return None
    heads = tokenizer.encode_batch([prompt(row["prompt"], TEACHER_SYSTEM) for row in rows])
    answers = tokenizer.encode_batch([row["answer"] for row in rows])
    line_end = tokenizer.encode("\n").ids
    parts = [
        np.asarray(head.ids + answer.ids + [TURN_END] + line_end + [END_OF_TEXT], np.int32)
        for head, answer in zip(heads, answers)
    ]
    rng.shuffle(parts)
    return np.concatenate(parts)


class Stream:
    """Random windows, three quarters of them prose and one quarter conversations."""

    def __init__(self, prose: np.ndarray, chats: np.ndarray | None, device, seed: int):
        self.prose = torch.from_numpy(prose.astype(np.int32)).to(device)
        self.chats = self.prose if chats is None else torch.from_numpy(chats.astype(np.int32)).to(device)
        self.generator = torch.Generator(device).manual_seed(seed)

    def windows(self, ids: torch.Tensor, count: int, length: int) -> torch.Tensor:
        start = torch.randint(0, max(1, len(ids) - length), (count,), device=ids.device, generator=self.generator)
        at = start[:, None] + torch.arange(length, device=ids.device)
        return ids[at.clamp(max=len(ids) - 1)].long()

    def batch(self, count: int, length: int) -> torch.Tensor:
        """ids [count, length]."""
        chats = count // 4
        out = self.windows(self.prose, count - chats, length)
        return torch.cat([out, self.windows(self.chats, chats, length)]) if chats else out
