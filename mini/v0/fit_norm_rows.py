#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Finds norm_rows.bin: per layer 32 rows R with |R h| close to 1 for every input h of the attention, rounded to Q4_1.

    fit_norm_rows.py SmolLM2-135M-Instruct.Q4_1.gguf DATA OUT [--layers N]

DATA is the folder text/ that mini/data builds. About 10 minutes on two cores; needs v1/requirements.txt.
convert.py says what the rows are for. A linear form alone comes within 2 to 5 % of a constant (the first row); the
other 31 rows take up what it leaves, to about 1 %. First tokens weigh more: every later token attends to them.

The norm_rows.bin beside this file was found by an earlier form with the same method and steps; other versions of
torch draw other random numbers, so a new run gives other rows of the same quality, not the same bytes.
"""

from __future__ import annotations

import argparse
import json
import lzma
import pathlib
import random
import sys

import torch
from tokenizers import Tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from v0.convert import BETA, BLOCK
from v0.convert import EXTRA as ROWS
from v1 import teacher, tokens
from v1.chats import turn

FIRST_TOKENS = (20.0, 5.0)  # weights of a text's first two inputs; the others weigh 1


def q4_1(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """w [..., 576] -> scales and minima [..., 18] (float16) and codes [..., 18, 32] (0 to 15)."""
    blocks = w.reshape(*w.shape[:-1], -1, BLOCK)
    low = blocks.amin(-1)
    scale, minimum = ((blocks.amax(-1) - low) / 15).half(), low.half()
    return scale, minimum, torch.round((blocks - minimum.float()[..., None]) / scale.float()[..., None]).clamp(0, 15)


class Rounded(torch.autograd.Function):
    """Q4_1 and back; the gradient passes as if rounding were not there."""

    @staticmethod
    def forward(ctx, w):
        scale, minimum, codes = q4_1(w)
        return (codes * scale.float()[..., None] + minimum.float()[..., None]).reshape(w.shape)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def attention_inputs(model: teacher.Teacher, tokenizer: Tokenizer, data: pathlib.Path):
    """Per layer the attention's normed inputs [N, 576] on prose and conversations; and one weight for each of the N."""
    with lzma.open(data / "corpus0.xz") as file:
        documents = file.read(6_000_000).decode("utf-8", "replace").split("\0")
    long_ones = [document for document in documents if len(document) > 2600]
    texts = [tokenizer.encode(document[200:2400]).ids[:300] for document in random.sample(long_ones, 56)]
    with lzma.open(data / "answers.jsonl.xz", "rt", encoding="utf-8") as file:
        conversations = [json.loads(line)["messages"] for line in file]
    for messages in random.sample(conversations, 300):
        rendered = "".join(turn(message["role"], message["content"]) for message in messages)
        texts.append(tokenizer.encode(rendered).ids[:200])
    inputs: list[list[torch.Tensor]] = [[] for _ in range(model.shape.layers)]
    weights = []
    for ids in texts:
        _, taps = model.forward(torch.tensor([ids]), taps=True)
        for layer, (normed, _) in enumerate(taps):
            inputs[layer].append(normed[0])
        weights.append(torch.tensor([*FIRST_TOKENS] + [1.0] * (len(ids) - len(FIRST_TOKENS))))
    return [torch.cat(rows) for rows in inputs], torch.cat(weights)


def fit(
    x: torch.Tensor, weight: torch.Tensor, start: torch.Tensor, steps: int, peak: float, rounded: bool
) -> torch.Tensor:
    """Rows [32, 576] that make |R x|^2 close to 1 over x [N, 576]; Adam from `start`."""
    rows = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([rows])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = peak * min(1, step / 50) * (1 - step / steps) + 1e-7
        drawn = torch.randint(0, len(x), (2048,))
        square = (x[drawn] @ (Rounded.apply(rows) if rounded else rows).T).pow(2).sum(1)
        loss = ((square - 1) ** 2 * weight[drawn]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return rows.detach()


def rows_of_layer(x: torch.Tensor, weight: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
    """x [N, 576]: inputs of one layer; norm [576]: the weights of the norm that made them."""
    width = x.shape[1]
    spread = x.std(0) + 1e-3
    second = x.T @ x / len(x)
    # The linear form of least squared distance to 1 on all inputs, with a little ridge.
    linear = torch.linalg.solve(second + 1e-3 * second.diag().mean() * torch.eye(width), x.mean(0))
    rows = torch.randn(ROWS, width) / norm
    rows *= 0.25 / (x[:2000] @ rows.T).pow(2).sum(1).mean().sqrt()
    rows[0] = linear * (1 - 0.25**2) ** 0.5
    # First without rounding, each column in units of its spread; then with it.
    rows = fit(x / spread, weight, rows * spread, 2500, 1.5e-3, rounded=False) / spread
    return fit(x, weight, rows, 1500, 0.01 * rows.abs().mean().item(), rounded=True)


def packed(rows: torch.Tensor) -> bytes:
    """[layers, 32, 576] -> Q4_1 bytes of BETA times the rows (exact: a power of two)."""
    scale, minimum, codes = q4_1(rows)
    scale, minimum = (
        (part.float() * BETA).half().view(torch.uint8).reshape(*part.shape, 2) for part in (scale, minimum)
    )
    codes = codes.byte()
    return torch.cat([scale, minimum, codes[..., :16] | (codes[..., 16:] << 4)], -1).numpy().tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--layers", type=int, help="only the first N, to try it")
    args = parser.parse_args()
    random.seed(2)
    torch.manual_seed(2)
    values, shape, weights = teacher.read(args.teacher)
    model = teacher.Teacher(shape, weights)
    tokenizer = Tokenizer.from_str(json.dumps(tokens.build(values)))
    inputs, weight = attention_inputs(model, tokenizer, args.data)
    out = []
    for layer, x in enumerate(inputs[: args.layers]):
        rows = rows_of_layer(x, weight, weights[f"blk.{layer}.attn_norm.weight"])
        length = (x @ Rounded.apply(rows).T).norm(dim=1)
        extremes = f"{length.min():.3f} to {length.max():.3f}"
        print(f"layer {layer}: length {length.mean():.3f} +- {length.std():.4f}, {extremes}", flush=True)
        out.append(rows)
    args.out.write_bytes(packed(torch.stack(out)))


if __name__ == "__main__":
    main()
