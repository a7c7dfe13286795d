# SPDX-License-Identifier: Apache-2.0
"""The last stage: conversations, skills, pictures and the draft head; in its second half with weights rounded to 4
bits.

Every step adds up four losses: pictures, conversations with the draft head's on the same text, and 0.7 times the KL
to the teacher on stream windows, which keeps what distillation has learnt.
"""

from __future__ import annotations

import itertools
import pathlib

import numpy as np
import torch

from . import chats, gpu_kernels
from .loop import Training
from .pictures import PictureBatches, to_patches
from .rounding import set_four_bit
from .run import Budget, Run
from .stages import kl_on_stream, limited, shuffled

ANSWER_LIMITS = {"openstax-glossary": 3000, "tldr": 1500, "opentriviaqa": 8000}  # human answers of one kind
SKILLS = 80000  # generated conversations, of 131,900
REPLAY_WEIGHT = 0.7


def conversations(run: Run) -> list[tuple[list[int], list[int]]]:
    """(ids, loss mask) of everything there is to learn from: the teacher's answers, human answers, generated skills."""
    rng = run.reseed("skills")
    texts = [
        chats.exchange(row["prompt"], row["answer"].strip())
        for row in run.answers()
        if "SmolLM" not in row["answer"] and "Hugging Face" not in row["answer"]
    ]  # the student has its own name
    from_teacher = len(texts)
    human = limited(list(shuffled(chats.json_lines(run.data / "text" / "answers.jsonl"), rng)), ANSWER_LIMITS)
    texts += [
        chats.exchange(row["messages"][0]["content"], row["messages"][1]["content"])
        for row in human
        if len(row["messages"]) == 2
    ]
    from_people = len(texts) - from_teacher
    texts += shuffled([row["text"] for row in chats.json_lines(run.data / "text" / "skills.jsonl")], rng)[:SKILLS]
    items = [
        (ids, mask)
        for ids, mask in chats.encode(run.tokenizer, texts)
        if len(ids) <= run.sizes.longest_chat and any(mask)
    ]
    generated = len(texts) - from_teacher - from_people
    run.log(f"conversations: {from_teacher} of the teacher, {from_people} human, {generated} skills; {len(items)} fit")
    return items


def drafted_targets(targets: torch.Tensor) -> torch.Tensor:
    """Targets [B, T] of the next token -> of the token after it."""
    return torch.cat([targets[:, 1:], torch.full_like(targets[:, :1], chats.IGNORE)], 1)


def train(run: Run, budget: Budget, start: pathlib.Path | None = None, with_pictures: bool = True) -> None:
    stream = run.stream("skills")
    student = run.student_for("skills", stream, start)
    items = conversations(run)
    vision, draft = list(student.model.visual.parameters()), list(student.mtp.parameters())
    groups = [(student.mixer_parameters() + student.other_parameters(), 2.5e-4), (vision, 1.5e-3), (draft, 1e-3)]
    training = Training(run, "skills", student, stream, groups, budget, clip=1.0, floor=0.02, log_every=25)
    # Going on: text batches are counted off; pictures are drawn anew from another seed (drawing is slow, and there is
    # no end of them).
    text = itertools.islice(
        chats.batches(items, run.sizes.chat_tokens, np.random.default_rng(run.seed)), training.step, None
    )
    shown = picture_loader(run, run.seed + 7919 * training.step) if with_pictures else None

    def on_text() -> dict:
        ids, targets, positions = (x.to(run.device, non_blocking=True) for x in next(text))
        hidden = student(ids, positions)
        loss = gpu_kernels.cross_entropy(hidden.flatten(0, 1), targets.flatten(), student.head)
        drafted = student.draft_hidden(ids, hidden, positions)
        draft_loss = gpu_kernels.cross_entropy(
            drafted.flatten(0, 1), drafted_targets(targets).flatten(), student.head.detach()
        )
        (loss + draft_loss).backward()
        return {"tokens": ids.numel(), "text": loss.detach(), "draft": draft_loss.detach()}

    def on_pictures() -> dict:
        batch = next(shown)
        ids, targets, positions = (
            batch[name].to(run.device, non_blocking=True) for name in ("ids", "targets", "positions")
        )
        hidden = student(ids, positions, to_patches(batch, run.device, run.compute))
        loss = gpu_kernels.cross_entropy(hidden.flatten(0, 1), targets.flatten(), student.head)
        loss.backward()
        return {"tokens": ids.numel(), "pictures": loss.detach()}

    def on_stream() -> dict:
        loss = kl_on_stream(run, student, stream, run.sizes.replay_batch)
        (REPLAY_WEIGHT * loss).backward()
        return {"KL": loss.detach()}

    def gradients() -> dict:
        set_four_bit(training.fraction() > 0.5)
        result = {"tokens": 0}
        if shown is not None:
            # First: sizes vary, and a batch that does not fit leaves half a gradient behind, which is thrown away.
            try:
                result = on_pictures()
            except torch.OutOfMemoryError:
                student.zero_grad(set_to_none=True)
                torch.cuda.empty_cache()
                run.log("skills: a picture batch did not fit and was left out")
        of_text = on_text()
        return {**result, **of_text, "tokens": result["tokens"] + of_text["tokens"], **on_stream()}

    training.compile(gradients, times=6)  # kernels are compiled per shape: most shapes come up in six batches
    training.train(gradients)


def picture_loader(run: Run, seed: int):
    """An iterator over picture batches, drawn by worker processes."""
    workers = run.sizes.picture_workers
    dataset = PictureBatches(run.tokenizer, run.data / "pictures", run.sizes.picture_batch, seed)
    return iter(
        torch.utils.data.DataLoader(
            dataset,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            pin_memory=run.device.type == "cuda",
        )
    )
