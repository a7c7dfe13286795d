# SPDX-License-Identifier: Apache-2.0
"""Pictures: cutting them into patches, and batches of picture conversations from the sampler
(mini/data/pictures).
"""

from __future__ import annotations

import pathlib
import random
import sys
import warnings

import numpy as np
import torch
from tokenizers import Tokenizer

from .chats import EMPTY_THINK, encode, pad, place_pictures
from .vision import Patches

PATCH = 16
PLACEHOLDER = "<|vision_start|><|image_pad|><|vision_end|>"


def patches_of(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """uint8 [H, W, 3], sides multiples of 32 -> uint8 [N, 768] (channel, y, x), rows [N], columns [N], patch rows,
    patch columns.

    Patches come in blocks of 2 x 2, since four neighbours become one token.
    """
    height, width = picture.shape[0] // PATCH, picture.shape[1] // PATCH
    cut = picture.reshape(
        height // 2, 2, PATCH, width // 2, 2, PATCH, 3
    )  # block row, row, y, block column, column, x, channel
    pixels = cut.transpose(0, 3, 1, 4, 6, 2, 5).reshape(height * width, 3 * PATCH * PATCH)
    blocks = (height // 2, width // 2, 2, 2)
    rows = np.broadcast_to(np.arange(height).reshape(height // 2, 1, 2, 1), blocks).reshape(-1)
    columns = np.broadcast_to(np.arange(width).reshape(1, width // 2, 1, 2), blocks).reshape(-1)
    return pixels, rows, columns, height, width


def stack(cut: list) -> dict[str, torch.Tensor]:
    """patches_of's results -> padded tensors under the names of vision.Patches; pixels still uint8."""
    most, count = max(len(one[0]) for one in cut), len(cut)
    pixels, valid = np.zeros((count, most, 3 * PATCH * PATCH), np.uint8), np.zeros((count, most), bool)
    rows, columns = np.zeros((count, most), np.int64), np.zeros((count, most), np.int64)
    for i, (one, row, column, _, _) in enumerate(cut):
        pixels[i, : len(one)], rows[i, : len(one)], columns[i, : len(one)], valid[i, : len(one)] = (
            one,
            row,
            column,
            True,
        )
    sides = {"heights": torch.tensor([one[3] for one in cut]), "widths": torch.tensor([one[4] for one in cut])}
    arrays = {"pixels": pixels, "rows": rows, "columns": columns, "valid": valid}
    return {name: torch.from_numpy(array) for name, array in arrays.items()} | sides


def to_patches(batch: dict[str, torch.Tensor], device, compute: torch.dtype) -> Patches:
    """Moves a stacked batch to the device; pixels 0 ... 255 become -1 ... 1 (mean and deviation 0.5)."""
    moved = {name: batch[name].to(device, non_blocking=True) for name in Patches._fields}
    return Patches(**(moved | {"pixels": (moved["pixels"].to(compute) - 127.5) / 127.5}))


def render(sample: dict, rng: random.Random) -> str:
    """A sampled picture conversation in the template's form: pictures in the first user turn, before or after its text.

    Only the last answer follows the empty think block. Half of those with several turns are cut after the first."""
    turns = sample["turns"]
    if len(turns) > 1 and rng.random() < 0.5:
        turns = turns[:1]
    text = ""
    for number, (question, answer) in enumerate(turns):
        if number == 0:
            shown = PLACEHOLDER * len(pictures_in(sample))
            question = question + shown if sample.get("image_after") else shown + question
        think = EMPTY_THINK if number == len(turns) - 1 else ""
        text += f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{think}{answer}<|im_end|>\n"
    return text


def pictures_in(sample: dict) -> list[np.ndarray]:
    return sample["images"] if "images" in sample else [sample["image"]]


def batch_of(tokenizer: Tokenizer, samples: list[dict], rng: random.Random) -> dict[str, torch.Tensor]:
    """Sampled conversations -> ids, targets [B, T], positions [3, B, T], and the fields of vision.Patches (pixels
    uint8).
    """
    items, cut = [], []
    texts = [render(sample, rng) for sample in samples]
    for sample, (ids, mask) in zip(samples, encode(tokenizer, texts)):
        own = [patches_of(np.ascontiguousarray(picture)) for picture in pictures_in(sample)]
        items.append(place_pictures(ids, mask, [(one[3], one[4]) for one in own]))
        cut += own
    ids, targets, positions = pad(items)
    return {"ids": ids, "targets": targets, "positions": positions, **stack(cut)}


class PictureBatches(torch.utils.data.IterableDataset):
    """Endless batches drawn by the sampler, pictures of similar size together. `data`: the picture data's folder."""

    def __init__(self, tokenizer: Tokenizer, data: pathlib.Path, batch: int, seed: int):
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "data"))
        from pictures import sampler  # opencv and pillow: only this stage needs them

        sampler.load(data)  # before workers are forked: they share the memory
        self.tokenizer, self.sampler, self.batch, self.seed = tokenizer, sampler, batch, seed

    def __iter__(self):
        torch.set_num_threads(1)
        worker = torch.utils.data.get_worker_info()
        seed = self.seed * 1000 + (worker.id if worker else 0)
        order, rng = np.random.default_rng(seed), random.Random(seed)
        while True:
            pool = [self.sampler.sample(rng) for _ in range(self.batch * 4)]
            pool.sort(key=lambda sample: sum(picture.shape[0] * picture.shape[1] for picture in pictures_in(sample)))
            for i in order.permutation(4):
                try:
                    yield batch_of(self.tokenizer, pool[i * self.batch : (i + 1) * self.batch], rng)
                except (ValueError, IndexError) as error:  # one odd sample in millions must not end a long run
                    warnings.warn(f"a picture batch was left out: {error!r}", stacklevel=1)
