#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains think.bin: the two embedding rows <think> and </think>, everything else frozen.

    train_think.py SmolLM2-135M-Instruct.Q4_1.gguf DATA OUT [--steps N] [--own N]

DATA is the folder text/ that mini/data builds. About 30 minutes on two cores; needs v1/requirements.txt.

Qwen 3.5's template puts an empty think block before each answer; SmolLM2 has never seen one, and expects a system
prompt that the template does not write. The two rows are trained so that the rewritten model behind the template
gives the distribution that SmolLM2 gives behind its own prompt (KL over the answer's tokens, the first ones weighing
most), and so that neither token becomes likely as output. Two thirds of the answers are SmolLM2's own, the others are
human. 0.13 to 0.18 nats are left on unseen answers, first tokens weighing four times.
"""

from __future__ import annotations

import argparse
import json
import lzma
import pathlib
import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from v0.convert import BETA, HEAD, LAYERS, D  # noqa: E402
from v0.convert import EXTRA as ROWS  # noqa: E402
from v1 import teacher, tokens  # noqa: E402
from v1.chats import EMPTY_THINK, TEACHER_SYSTEM, turn  # noqa: E402
from v1.layers import rotate  # noqa: E402
from v1.tokens import ID, TURN_END  # noqa: E402

THINK = (ID["<think>"], ID["</think>"])
OTHER_SYSTEMS = [
    "You are a helpful assistant.",
    "Answer in one short sentence.",
    "You are a teacher. Explain simply.",
    "You are a friendly assistant who answers briefly.",
]
BATCH, UNSEEN = 24, 72
FIRST, FIRST_WEIGHT = 4, 4.0  # the first tokens of an answer decide what it becomes
UNLIKELY = -12.0  # log-probability above which either token's own logit is pushed down

# An answer behind both prompts: (ids of SmolLM2's prompt, ids of the template's prompt, ids of the answer).
Item = tuple[list[int], list[int], list[int]]


def norm_rows() -> torch.Tensor:
    """[30, 32, 576]: BETA times the rows R that convert.py adds to every head."""
    data = (HERE / "norm_rows.bin").read_bytes()
    return torch.from_numpy(teacher.dequantise(data, teacher.Q4_1, LAYERS * ROWS * D).reshape(LAYERS, ROWS, D))


def rewritten(model: teacher.Teacher, rows: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Final hidden states of the rewritten model from embeddings x [B, T, 576]; differentiable.

    As the teacher, but each query and key head is divided by the RMS of its 64 real and 32 added dimensions. The added
    ones have length |R h| BETA, nearly the same for every h, and carry no scores: the norm's weights on them are zero.
    """
    rope = model.rope(torch.arange(x.shape[1])[None])
    for layer, own_rows in zip(model.layers, rows):
        normed = model.norm(x, layer["attn_norm.weight"])
        q, k, v = model.query_key_value(layer, normed)
        added = (normed @ own_rows.T).pow(2).sum(-1)[:, None, :, None]  # [B, 1, T, 1]
        q, k = (
            y * (BETA / HEAD**0.5) * torch.rsqrt((y.pow(2).sum(-1, keepdim=True) + added) / HEAD + 1e-5) for y in (q, k)
        )
        out = F.scaled_dot_product_attention(rotate(q, *rope), rotate(k, *rope), v, is_causal=True, enable_gqa=True)
        x = model.mlp(layer, x + F.linear(out.transpose(1, 2).flatten(2), layer["attn_output.weight"]))
    return model.norm(x, model.weights["output_norm.weight"])


def human_answers(tokenizer: Tokenizer, data: pathlib.Path) -> Iterator[Item]:
    """One in five behind a system prompt of its own."""
    with lzma.open(data / "answers.jsonl.xz", "rt", encoding="utf-8") as file:
        conversations = [json.loads(line)["messages"] for line in file]
    random.shuffle(conversations)
    for messages in conversations:
        system = random.choice(OTHER_SYSTEMS) if random.random() < 0.2 else None
        if messages[0]["role"] == "system":
            system, messages = messages[0]["content"], messages[1:]
        past = "".join(turn(message["role"], message["content"]) for message in messages[:-1])
        past += "<|im_start|>assistant\n"
        own = tokenizer.encode(turn("system", system or TEACHER_SYSTEM) + past).ids
        template = tokenizer.encode((turn("system", system) if system else "") + past + EMPTY_THINK).ids
        answer = [*tokenizer.encode(messages[-1]["content"]).ids, TURN_END][:56]
        is_short = len(template) + len(answer) <= 140 and len(own) + len(answer) <= 150
        if messages[-1]["role"] == "assistant" and is_short:
            yield own, template, answer


def own_answers(tokenizer: Tokenizer, model: teacher.Teacher, data: pathlib.Path, count: int) -> list[Item]:
    """SmolLM2's nearly greedy answers to short prompts, at most 40 tokens of each."""
    longest = 40
    with lzma.open(data / "prompts.jsonl.xz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    drawn = [row["prompt"] for row in random.sample(rows, min(len(rows), 4 * count))]
    asked = [turn("user", text) + "<|im_start|>assistant\n" for text in drawn if len(text) < 300]
    asked.sort(key=len)
    start = (len(asked) - count) // 4  # neither the shortest nor the longest
    asked, items = asked[start : start + count], []
    for at in range(0, len(asked), 64):
        part = asked[at : at + 64]
        prompts = [tokenizer.encode(turn("system", TEACHER_SYSTEM) + text).ids for text in part]
        answers = model.generate(prompts, longest, TURN_END, temperature=0.01, unfinished=True)
        for text, own, answer in zip(part, prompts, answers):
            ended = answer if len(answer) == longest else [*answer, TURN_END]
            items.append((own, tokenizer.encode(text + EMPTY_THINK).ids, ended))
    return items


def padded(items: list[Item], which: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompt number `which` and answer: ids [B, T], and the mask of the positions that predict the answer."""
    longest = max(len(item[which]) + len(item[2]) for item in items)
    ids = torch.full((len(items), longest), TURN_END)
    mask = torch.zeros(len(items), longest, dtype=torch.bool)
    for row, item in enumerate(items):
        both = item[which] + item[2]
        ids[row, : len(both)] = torch.tensor(both)
        mask[row, len(item[which]) - 1 : len(both) - 1] = True
    return ids, mask


def losses(model: teacher.Teacher, rows: torch.Tensor, trained: torch.Tensor, batch: list[Item]):
    """(KL to the teacher, first tokens weighing more; how far the two tokens are likelier than UNLIKELY)."""
    (own, own_mask), (template, mask) = padded(batch, 0), padded(batch, 1)
    weight = torch.where(mask.cumsum(1) <= FIRST, FIRST_WEIGHT, 1.0)[mask]
    embedding = model.head
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            wanted = F.log_softmax((model.forward(own)[own_mask] @ embedding.T).float(), -1)
        x = F.embedding(template, embedding)
        for row, token in zip(trained, THINK):
            x = torch.where((template == token)[..., None], row, x)
        hidden = rewritten(model, rows, x)[mask]
        logits = (hidden @ embedding.T).float()
    kl = (wanted.exp() * (wanted - F.log_softmax(logits, -1))).sum(-1)
    as_output = hidden.float() @ trained.T - logits.logsumexp(-1, keepdim=True).detach()
    return (kl * weight).sum() / weight.sum(), F.relu(as_output - UNLIKELY).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--own", type=int, default=1200, help="answers of SmolLM2's own; half as many human ones")
    args = parser.parse_args()
    random.seed(3)
    torch.manual_seed(3)
    values, shape, weights = teacher.read(args.teacher)
    model, rows = teacher.Teacher(shape, weights), norm_rows()
    tokenizer = Tokenizer.from_str(json.dumps(tokens.build(values)))
    human = human_answers(tokenizer, args.data)
    items = [next(human) for _ in range(args.own // 2)] + own_answers(tokenizer, model, args.data, args.own)
    random.shuffle(items)
    seen, unseen = items[:-UNSEEN], items[-UNSEEN:]
    line_end = model.head[tokenizer.encode("\n").ids[0]]
    trained = torch.stack([line_end] * 2).clone().requires_grad_(True)
    optimizer = torch.optim.Adam([trained])
    for step in range(args.steps):
        optimizer.param_groups[0]["lr"] = 4e-3 * min(1, (step + 1) / 5) * (1 - step / args.steps) + 1e-5
        kl, likely = losses(model, rows, trained, random.sample(seen, BATCH))
        optimizer.zero_grad()
        (kl + 0.1 * likely).backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step}: KL {kl.item():.4f}", flush=True)
    with torch.no_grad():
        parts = [unseen[at : at + BATCH] for at in range(0, UNSEEN, BATCH)]
        print("unseen:", [round(losses(model, rows, trained, part)[0].item(), 4) for part in parts])
    records = np.concatenate([np.array(THINK, np.float32)[:, None], trained.detach().numpy()], 1)
    args.out.write_bytes(records.tobytes())


if __name__ == "__main__":
    main()
