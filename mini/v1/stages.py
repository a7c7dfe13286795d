# SPDX-License-Identifier: Apache-2.0
"""The first three stages: the teacher writes answers, every mixer learns alone, the whole network learns the
teacher's distribution.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import time
from collections import Counter

import torch

from . import gpu_kernels
from .chats import TEACHER_SYSTEM, json_lines, prompt
from .loop import Training
from .run import Budget, Run
from .tokens import TURN_END

# Sources of which the teacher makes little (word problems) or of which there is too much of one kind: at most so many
# prompts.
PROMPT_LIMITS = {
    "gsm8k-train": 0,
    "svamp": 0,
    "opentriviaqa": 1000,
    "clinc150": 4000,
    "tldr": 800,
    "openstax-glossary": 4000,
}


def limited(rows: list[dict], limits: dict[str, int]) -> list[dict]:
    """Rows of each source up to its limit, in their order."""
    seen: Counter[str] = Counter()
    kept = []
    for row in rows:
        source = row.get("source", "")
        seen[source] += 1
        if source not in limits or seen[source] <= limits[source]:
            kept.append(row)
    return kept


def write_answers(run: Run, budget: Budget) -> None:
    """The teacher answers as many prompts as the time allows -> RUN/answers.jsonl. Only answers that end are kept.

    Prompts are grouped by length within pools of eight batches, so that little of a batch is padding. `budget.steps`:
    batches.
    """
    rng = run.reseed("answers")
    run.start_reading()
    rows = list(json_lines(run.data / "text" / "prompts.jsonl"))
    rng.shuffle(rows)
    prompts = [row["prompt"] for row in limited(rows, PROMPT_LIMITS)]
    encoded = [e.ids for e in run.tokenizer.encode_batch([prompt(text, TEACHER_SYSTEM) for text in prompts])]
    fitting = [i for i in range(len(encoded)) if len(encoded[i]) <= run.sizes.longest_prompt]
    if not fitting:
        raise SystemExit(f"no prompt of at most {run.sizes.longest_prompt} tokens in {run.data}")
    size, groups = run.sizes.answer_batch, []
    for start in range(0, len(fitting), 8 * size):
        pool = sorted(fitting[start : start + 8 * size], key=lambda i: len(encoded[i]))
        pooled = [pool[k : k + size] for k in range(0, len(pool), size)]
        rng.shuffle(pooled)
        groups += pooled
    began, part, count = time.time(), run.folder / "answers.jsonl.part", 0
    with open(part, "w", encoding="utf-8") as file:
        for number, group in enumerate(groups):
            if number >= budget.steps if budget.steps is not None else time.time() - began > budget.seconds:
                break
            answers = run.teacher.generate([encoded[i] for i in group], run.sizes.answer_tokens, TURN_END)
            for i, answer in zip(group, answers):
                if answer:
                    file.write(
                        json.dumps({"prompt": prompts[i], "answer": run.tokenizer.decode(answer)}, ensure_ascii=False)
                        + "\n"
                    )
                    count += 1
            run.log(f"answers: {count} finished ones after {number + 1} batches")
    os.replace(part, run.folder / "answers.jsonl")


def align(run: Run, budget: Budget, start: pathlib.Path | None = None) -> None:
    """Every mixer alone learns what the attention of its teacher layer does, on that layer's own inputs.

    The loss is each mixer's squared error over its target's mean square, so that all layers count alike; 95 seconds
    of this bring the first KL of the next stage from 3.8 to 0.72 nats. After later stages it would pull trained
    mixers back: not run then.
    """
    run.reseed("align")
    stream = run.stream("align")
    student = run.student_for("align", stream, start)
    mixers, size, length = student.mixer_parameters(), run.sizes.align_batch, run.sizes.length
    rope = student.rope(torch.arange(length, device=run.device).expand(3, 1, length))

    def gradients() -> dict:
        _, taps = run.teacher.forward(stream.batch(size, length), taps=True)
        errors = []
        for layer, number in zip(student.decoder.layers, run.shape.teacher_layers, strict=True):
            normed, target = taps[number]
            difference = (layer.mix(normed, rope) - target).float().pow(2).mean()
            error = difference / target.float().pow(2).mean().clamp(min=1e-8)
            error.backward()
            errors.append(error.detach())
        errors = torch.stack(errors)
        return {"tokens": size * length, "mean error": errors.mean(), "largest": errors.max()}

    training = Training(run, "align", student, stream, [(mixers, 2e-3)], budget, clip=5.0)
    training.compile(gradients)
    training.train(gradients)


def kl_on_stream(run: Run, student, stream, size: int) -> torch.Tensor:
    """Mean KL to the teacher over stream windows; differentiable."""
    ids = stream.batch(size, run.sizes.length)
    theirs, ours = run.teacher.forward(ids), student(ids)
    return gpu_kernels.kl_to_teacher(ours.flatten(0, 1), theirs.flatten(0, 1), student.head, run.teacher.head)


def distil(run: Run, budget: Budget, start: pathlib.Path | None = None) -> None:
    """The whole decoder learns the teacher's distribution over next tokens (Hinton et al. 2015, arXiv 1503.02531).

    Mixers, which start far from their place, learn faster than what was copied."""
    run.reseed("distil")
    stream = run.stream("distil")
    student = run.student_for("distil", stream, start)
    size = largest_batch(run, student, stream)

    def gradients() -> dict:
        loss = kl_on_stream(run, student, stream, size)
        loss.backward()
        return {"tokens": size * run.sizes.length, "KL": loss.detach()}

    groups = [(student.mixer_parameters(), 1.2e-3), (student.other_parameters(), 5e-4)]
    training = Training(run, "distil", student, stream, groups, budget, clip=1.0, floor=0.2)
    training.train(gradients)


def largest_batch(run: Run, student, stream) -> int:
    """The largest batch that fits: halved while the GPU runs out of memory. Also compiles the kernels."""
    size = run.sizes.distil_batch
    while run.device.type == "cuda":
        try:
            kl_on_stream(run, student, stream, size).backward()
            torch.cuda.synchronize()
            run.log("distil: kernels compiled, batch", size)
            break
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size //= 2
        finally:
            student.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
    return size


def shuffled(rows: list, rng: random.Random) -> list:
    rows = list(rows)
    rng.shuffle(rows)
    return rows
