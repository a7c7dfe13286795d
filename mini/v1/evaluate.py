# SPDX-License-Identifier: Apache-2.0
"""What a student can do: KL to the teacher, 150 text questions with checks, 200 pictures, and six answers to read.

Everything greedy; both with weights as they are and rounded to 4 bits. RUN/evaluation.json holds the figures and
every answer.
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from .chats import EMPTY_THINK, TILE, json_lines, place_pictures, prompt
from .pictures import PLACEHOLDER, patches_of, stack, to_patches
from .rounding import set_four_bit
from .run import Run
from .stages import kl_on_stream
from .student import Student
from .tokens import END_OF_TEXT, TURN_END
from .vision import Patches

QUESTIONS = [
    "What is the capital of France?",
    "Write a short poem about the sea.",
    "Who are you?",
    "What is 12 + 30?",
    "Explain gravity to a child.",
    "Give me three tips for sleeping better.",
]


@torch.no_grad()
def greedy(
    run: Run,
    student: Student,
    prompts: list[list[int]],
    positions: list[np.ndarray],
    max_new: int,
    patches_for: Callable[[range], Patches] | None = None,
    at_once: int = 100,
) -> list[str]:
    """The likeliest continuation of each prompt (ids with picture places widened; positions [3, T]) as text.

    Right-padded batches computed anew for each token: slow, but the very code that is trained."""
    texts = []
    for start in range(0, len(prompts), at_once):
        sequences = [list(ids) for ids in prompts[start : start + at_once]]
        places, count = positions[start : start + at_once], len(sequences)
        patches = patches_for(range(start, start + count)) if patches_for else None
        answers: list[list[int]] = [[] for _ in sequences]
        is_done = [False] * count
        for _ in range(max_new):
            length = -(-max(map(len, sequences)) // TILE) * TILE
            ids = torch.full((count, length), END_OF_TEXT, dtype=torch.long)
            at = torch.zeros(3, count, length, dtype=torch.long)
            for row, (sequence, given) in enumerate(zip(sequences, places)):
                ids[row, : len(sequence)] = torch.tensor(sequence)
                at[:, row, : given.shape[1]] = torch.from_numpy(np.ascontiguousarray(given))
                at[:, row, given.shape[1] :] = int(given.max()) + 1 + torch.arange(length - given.shape[1])
            hidden = student(ids.to(run.device), at.to(run.device), patches)
            last = hidden[
                torch.arange(count), torch.tensor([len(sequence) - 1 for sequence in sequences], device=run.device)
            ]
            for row, token in enumerate(F.linear(last, student.head.to(last.dtype)).argmax(-1).tolist()):
                is_done[row] = is_done[row] or token in (END_OF_TEXT, TURN_END)
                sequences[row].append(END_OF_TEXT if is_done[row] else token)
                if not is_done[row]:
                    answers[row].append(token)
            if all(is_done):
                break
        texts += [run.tokenizer.decode(answer, skip_special_tokens=False) for answer in answers]
    return texts


def in_order(ids: list[int]) -> np.ndarray:
    return np.broadcast_to(np.arange(len(ids)), (3, len(ids)))


def passes(check: dict, answer: str) -> bool:
    """Whether an answer, what stands behind its thinking, passes: equals, contains, is this JSON, makes these tool
    calls.
    """
    said = answer.replace("<|im_end|>", "").split("</think>")[-1].strip()
    wanted = check["value"]
    if check["type"] == "equals":
        return said.lower().rstrip(".") == str(wanted).lower().rstrip(".")
    if check["type"] == "contains":
        return str(wanted).lower() in said.lower()
    if check["type"] == "json":
        try:
            return json.loads(said) == (json.loads(wanted) if isinstance(wanted, str) else wanted)
        except ValueError:
            return False
    calls = wanted if isinstance(wanted, list) else [wanted]

    def shown(value) -> str:
        return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).lower()

    return said.count("<tool_call>") == len(calls) and all(
        f"<function={call['name']}>".lower() in said.lower()
        and all(shown(value) in said.lower() for value in call["arguments"].values())
        for call in calls
    )


def tally(rows: list[dict], key: str) -> dict[str, str]:
    """{kind: "right/all"}."""
    kinds: dict[str, list[bool]] = {}
    for row in rows:
        kinds.setdefault(row.get(key, "all"), []).append(row["ok"])
    return {kind: f"{sum(right)}/{len(right)}" for kind, right in kinds.items()}


def on_text(run: Run, student: Student) -> list[dict]:
    rows = list(json_lines(run.data / "text" / "eval_text.jsonl"))[: run.sizes.evaluated]
    prompts = [run.tokenizer.encode(row["text"]).ids for row in rows]
    answers = greedy(
        run, student, prompts, [in_order(ids) for ids in prompts], 96 if run.sizes.evaluated is None else 4
    )
    return [row | {"got": answer, "ok": passes(row["check"], answer)} for row, answer in zip(rows, answers)]


def on_pictures(run: Run, student: Student) -> list[dict]:
    """Held-out pictures, 75 of them in a style of drawing that training never shows."""
    import cv2

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "data"))
    from pictures import sampler

    folder = run.data / "pictures"
    rows = list(json_lines(folder / "eval_vision.jsonl"))[: run.sizes.evaluated]
    prompts, positions, cut = [], [], []
    for row in rows:
        picture = cv2.cvtColor(cv2.imread(str(folder / row["image"]), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        height, width = (max(32, min(256, round(side / 32) * 32)) for side in picture.shape[:2])
        if (height, width) != picture.shape[:2]:
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
        cut.append(patches_of(np.ascontiguousarray(picture)))
        ids = run.tokenizer.encode(prompt(PLACEHOLDER + row["question"]) + EMPTY_THINK).ids
        ids, _, places = place_pictures(ids, [0] * len(ids), [cut[-1][3:5]])
        prompts.append(ids)
        positions.append(places)

    def patches_for(which: range) -> Patches:
        return to_patches(stack([cut[i] for i in which]), run.device, run.compute)

    answers = greedy(run, student, prompts, positions, 40 if run.sizes.evaluated is None else 4, patches_for)
    return [
        row | {"got": answer, "ok": bool(sampler.match(answer, row["accept"], row.get("kind", "")))}
        for row, answer in zip(rows, answers)
    ]


@torch.no_grad()
def evaluate(run: Run, path: pathlib.Path | None = None, with_pictures: bool = True) -> dict:
    """Evaluates a checkpoint, the newest one if no other is named -> RUN/evaluation.json."""
    path = path or run.newest()
    if path is None:
        raise SystemExit("there is no checkpoint to evaluate")
    student, report = run.load(path), {"checkpoint": path.name}
    for four_bit in (False, True):
        run.reseed("evaluate")
        set_four_bit(four_bit)
        name = "4 bits" if four_bit else "as trained"
        stream = run.stream("evaluate")
        size, windows = min(8, run.sizes.distil_batch), 4
        kl = sum(kl_on_stream(run, student, stream, size).item() for _ in range(windows)) / windows
        asked = [
            run.tokenizer.encode(prompt(question) + EMPTY_THINK).ids for question in QUESTIONS[: run.sizes.evaluated]
        ]
        answers = greedy(
            run, student, asked, [in_order(ids) for ids in asked], 80 if run.sizes.evaluated is None else 4
        )
        text = on_text(run, student)
        shown = on_pictures(run, student) if with_pictures else []
        run.log(f"{name}: KL to the teacher {kl:.4f}; text {tally(text, 'skill')}; pictures {tally(shown, 'kind')}")
        report[name] = {"KL": kl, "answers": dict(zip(QUESTIONS, answers)), "text": text, "pictures": shown}
    set_four_bit(False)
    (run.folder / "evaluation.json").write_text(
        json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )
    return report
