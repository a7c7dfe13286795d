# SPDX-License-Identifier: Apache-2.0
"""The training loop of all stages: clock, learning rate, gradients, and leaving off in the middle."""

from __future__ import annotations

import math
import os
import random
import signal
import time
from collections.abc import Callable

import numpy as np
import torch

from .corpus import Stream
from .run import Budget, Run
from .student import Student


class LeftOff(Exception):
    """A stage was interrupted and has written where it was."""


def cosine(fraction: float, floor: float, warm: float = 0.03) -> float:
    """Learning rate over its peak: up in a line for the first `warm` of the stage, then down along a cosine to
    `floor`.
    """
    if fraction < warm:
        return fraction / warm
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1, (fraction - warm) / (1 - warm))))


class Training:
    """One stage. `groups`: (parameters, peak learning rate); AdamW without decay. Made anew, it goes on where it was
    left off.
    """

    def __init__(
        self,
        run: Run,
        stage: str,
        student: Student,
        stream: Stream,
        groups: list[tuple[list, float]],
        budget: Budget,
        clip: float,
        floor: float = 0.05,
        log_every: int = 20,
        save_every: float = 300,
    ):
        self.run, self.stage, self.student, self.stream, self.budget = run, stage, student, stream, budget
        self.clip, self.floor, self.log_every, self.save_every = clip, floor, log_every, save_every
        self.parameters = [p for parameters, _ in groups for p in parameters]
        self.peaks = [peak for _, peak in groups]
        is_cuda = run.device.type == "cuda"
        self.optimizer = torch.optim.AdamW(
            [{"params": parameters} for parameters, _ in groups],
            lr=0.0,
            betas=(0.9, 0.95),
            weight_decay=0.0,
            fused=is_cuda,
        )
        self.part = run.folder / f"{stage}.part.pt"
        self.step, self.elapsed, self.tokens = 0, 0.0, 0
        self.means: dict[str, torch.Tensor] = {}
        self.is_interrupted = False
        if self.part.exists():
            self._load()

    def _save(self) -> None:
        state = {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "tokens": self.tokens,
            "stream": self.stream.generator.get_state(),
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state()[1].tolist(),
            "python": random.getstate(),
        }
        temporary = self.part.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.part)

    def _load(self) -> None:
        # The file is this program's own, of this run's folder; it holds plain Python objects beside tensors.
        state = torch.load(self.part, map_location=self.run.device, weights_only=True)
        self.student.load_state_dict(state["student"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.elapsed, self.tokens = state["step"], state["elapsed"], state["tokens"]
        self.stream.generator.set_state(state["stream"].cpu())
        torch.set_rng_state(state["torch"].cpu())
        version, internal, gauss = state["python"]
        random.setstate((version, tuple(internal), gauss))
        kind, _, at, has_gauss, cached = np.random.get_state()
        np.random.set_state((kind, np.asarray(state["numpy"], np.uint32), at, has_gauss, cached))
        self.run.log(f"{self.stage}: goes on at step {self.step}")

    def fraction(self) -> float:
        """How much of the stage is behind: 0 to 1."""
        if self.budget.steps is not None:
            return self.step / max(1, self.budget.steps)
        return self.elapsed / max(1e-9, self.budget.seconds)

    def compile(self, gradients: Callable[[], dict], times: int = 1) -> None:
        """On a GPU the first calls compile kernels, which takes minutes: before the clock that drives the learning
        rate starts.
        """
        if self.run.device.type == "cuda":
            for _ in range(times):
                gradients()
                self.optimizer.zero_grad(set_to_none=True)
            torch.cuda.synchronize()
            self.run.log(f"{self.stage}: kernels compiled")

    def train(self, gradients: Callable[[], dict]) -> None:
        """gradients(): one step's forward and backward passes -> {"tokens": count, name: detached loss, ...}."""
        handlers = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        began, saved = time.time() - self.elapsed, time.time()
        try:
            while self.fraction() < 1:
                rate = cosine(self.fraction(), self.floor)
                for group, peak in zip(self.optimizer.param_groups, self.peaks):
                    group["lr"] = peak * rate
                self._report(gradients(), rate)
                self.elapsed = time.time() - began
                if self.is_interrupted or self.step == self.budget.leave_off_at:
                    self._save()
                    raise LeftOff(f"{self.stage} left off at step {self.step}; the same command goes on from there")
                if time.time() - saved > self.save_every:
                    self._save()
                    saved = time.time()
                    began = saved - self.elapsed  # saving is not training
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        self.run.save(self.stage, self.student)
        self.part.unlink(missing_ok=True)

    def _report(self, result: dict, rate: float) -> None:
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += result.pop("tokens")
        for name, value in result.items():
            self.means[name] = value if name not in self.means else 0.95 * self.means[name] + 0.05 * value
        if self.step % self.log_every == 0 or self.budget.steps is not None:
            losses = "  ".join(f"{name} {value.item():.4f}" for name, value in self.means.items())
            memory = f"  {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if self.run.device.type == "cuda" else ""
            speed = self.tokens / max(1e-9, self.elapsed) / 1e3 if self.elapsed else 0.0
            self.run.log(
                f"{self.stage} {self.step}  {self.tokens / 1e6:.3f}M tokens  {losses}  gradient {norm:.2f}  "
                f"rate {rate:.3f}  {speed:.0f}k tokens/s{memory}"
            )

    def _interrupt(self, *_) -> None:
        self.is_interrupted = True
