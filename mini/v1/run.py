# SPDX-License-Identifier: Apache-2.0
"""A run: its folder, its inputs, and what the stages share. Everything is loaded when first asked for.

RUN/tokenizer.json          from the teacher
RUN/answers.jsonl           stage answers
RUN/corpus.npy              the prose as ids
RUN/STAGE.safetensors       the student after a stage, float32
RUN/STAGE.part.pt           a stage that was left off: student, optimizer, random states; gone when the stage is
complete
RUN/log.txt                 what the stages printed
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import json
import os
import pathlib
import random
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from . import corpus, teacher, tokens
from .shape import SHAPES, Shape
from .student import Student, match_query_key_sizes, start_from_teacher

TRAINED = ["align", "distil", "skills"]  # in this order; each starts from the one before it


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What goes through the network at once; the defaults fit a GPU with 80 GB."""

    length: int = 1024  # of stream windows, a multiple of 64
    align_batch: int = 32
    distil_batch: int = 64  # halved until it fits
    replay_batch: int = 8  # stream windows beside each step of the last stage
    chat_tokens: int = 16000
    longest_chat: int = 1024
    picture_batch: int = 384
    picture_workers: int = 12
    answer_batch: int = 2048
    answer_tokens: int = 224
    longest_prompt: int = 320
    evaluated: int | None = None  # questions of each evaluation; None: all


MICRO_SIZES = Sizes(
    length=64,
    align_batch=2,
    distil_batch=2,
    replay_batch=1,
    chat_tokens=512,
    longest_chat=192,
    picture_batch=2,
    picture_workers=0,
    answer_batch=4,
    answer_tokens=24,
    longest_prompt=256,
    evaluated=2,
)
SIZES = {"mini": Sizes(), "micro": MICRO_SIZES}


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long a stage lasts: seconds, or steps where given (the same steps every time; for tests)."""

    seconds: float
    steps: int | None = None
    leave_off_at: int | None = None  # stop at this step as if interrupted


class Run:
    def __init__(
        self,
        folder: pathlib.Path,
        data: pathlib.Path,
        teacher_path: pathlib.Path | None,
        shape_name: str = "mini",
        seed: int = 7,
    ):
        self.folder, self.data, self.teacher_path, self.seed = folder, data, teacher_path, seed
        self.shape: Shape = SHAPES[shape_name]
        self.sizes = SIZES[shape_name]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.compute = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        self.started = time.time()
        torch.backends.cuda.matmul.allow_tf32 = True
        folder.mkdir(parents=True, exist_ok=True)

    # ---- what happens is written down

    def log(self, *words) -> None:
        line = f"[{time.time() - self.started:7.1f}] " + " ".join(map(str, words))
        print(line, flush=True)
        with open(self.folder / "log.txt", "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def reseed(self, stage: str) -> random.Random:
        """Seeds every generator from the run's seed and the stage's name, so that a stage does not depend on what ran
        before it.
        """
        number = self.seed * 1000 + sum(map(ord, stage))
        random.seed(number)
        np.random.seed(number)
        torch.manual_seed(number)
        return random.Random(number)

    # ---- inputs

    @functools.cached_property
    def teacher_file(self):
        if self.teacher_path is None:
            raise SystemExit("this stage needs the teacher: --teacher SmolLM2-135M-Instruct.Q4_1.gguf")
        return teacher.read(self.teacher_path)

    @functools.cached_property
    def teacher(self) -> teacher.Teacher:
        _, shape, weights = self.teacher_file
        return teacher.Teacher(shape, weights, self.device, self.compute)

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        path = self.folder / "tokenizer.json"
        if not path.exists():
            tokens.write(self.teacher_file[0], path)
        return tokens.load(path)

    @functools.cached_property
    def _prose(self) -> concurrent.futures.Future:
        pool = concurrent.futures.ThreadPoolExecutor(1)
        return pool.submit(corpus.tokens_of, self.tokenizer, self.data / "text", self.folder / "corpus.npy")

    def start_reading(self) -> None:
        """Lets the prose be cut into tokens while something else goes on (the teacher writing, say)."""
        _ = self._prose

    def answers(self) -> list[dict]:
        path = self.folder / "answers.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def stream(self, stage: str) -> corpus.Stream:
        chats = corpus.conversations(self.tokenizer, self.answers(), random.Random(self.seed))
        seed = self.seed * 1000 + sum(map(ord, stage))
        stream = corpus.Stream(self._prose.result(), chats, self.device, seed)
        count = 0 if chats is None else len(chats)
        self.log(f"stream: {len(stream.prose) / 1e6:.2f}M tokens of prose, {count / 1e6:.2f}M of conversations")
        return stream

    # ---- the student

    def new_student(self, stream: corpus.Stream) -> Student:
        """A student with the teacher's weights."""
        student = Student(self.shape, self.compute).to(self.device)
        start_from_teacher(student, self.teacher)
        match_query_key_sizes(student, self.teacher, stream.batch(8, self.sizes.length))
        return student

    def checkpoint(self, stage: str) -> pathlib.Path:
        return self.folder / f"{stage}.safetensors"

    def newest(self) -> pathlib.Path | None:
        """The checkpoint of the last complete stage."""
        return next((self.checkpoint(stage) for stage in reversed(TRAINED) if self.checkpoint(stage).exists()), None)

    def load(self, path: pathlib.Path) -> Student:
        student = Student(self.shape, self.compute)
        student.load_state_dict(load_file(path))
        return student.to(self.device)

    def student_for(self, stage: str, stream: corpus.Stream, start: pathlib.Path | None) -> Student:
        """The student that a stage starts with: `start`, or the newest checkpoint of an earlier stage, or the
        teacher's weights.
        """
        earlier = [self.checkpoint(name) for name in TRAINED[: TRAINED.index(stage)]]
        start = start or next((path for path in reversed(earlier) if path.exists()), None)
        self.log(f"{stage}: starts from {start.name if start else 'the teacher'}")
        return self.load(start) if start else self.new_student(stream)

    def save(self, stage: str, student: Student) -> None:
        part = self.folder / f"{stage}.safetensors.part"
        save_file({name: w.detach().float().contiguous().cpu() for name, w in student.state_dict().items()}, part)
        os.replace(part, self.checkpoint(stage))
        self.log(f"{stage}: written {self.checkpoint(stage).name}")
