# SPDX-License-Identifier: Apache-2.0
"""Trains a microscopic Thimble Mini v1 through all stages on a CPU and checks what comes out with the engine.

    python tests/mini/train_smoke.py [--thimble build/thimble] [--keep FOLDER]

Needs the packages of mini/v1/requirements.txt (a CPU build of torch is enough); about two minutes. Not part of
CI: torch is larger than everything else together. Checks, each with its tolerance:

- the delta rule in chunks against its definition token by token, values and gradients (float64)
- the hand-written gradient that stands in for a miscompiled GPU kernel against automatic differentiation (float64)
- weights rounded to 4 bits in training pass through the Q4_0 file unchanged
- a stage that was left off and goes on ends with the same bits as one that ran through
- alignment and distillation lower their losses
- the engine under --exact gives the float32 logits of the torch model: text, pictures; GGUF F16 and Hugging Face
folder
- the engine finds the draft head and the vision file; Q8_0, Q4_0 and IQ4_NL compute logits near the unrounded ones
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "mini"))
sys.path.insert(0, str(ROOT / "tests" / "mini"))

import cv2  # noqa: E402
import gguf  # noqa: E402
import micro_world  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from v1 import delta_rule, rounding, tokens  # noqa: E402
from v1.__main__ import main as v1_main  # noqa: E402
from v1.chats import EMPTY_THINK, place_pictures, prompt, turn  # noqa: E402
from v1.pictures import PLACEHOLDER, patches_of, stack, to_patches  # noqa: E402
from v1.shape import MICRO  # noqa: E402
from v1.student import Student  # noqa: E402

LOGITS_TOLERANCE = 2e-4  # of logits up to 76: float32 sums in two orders; 4e-5 seen
checked = 0


def check(is_right: bool, what: str) -> None:
    global checked
    if not is_right:
        sys.exit(f"FAILED: {what}")
    checked += 1
    print(f"ok: {what}", flush=True)


def delta_inputs(length: int, seed: int) -> list[torch.Tensor]:
    """q, k, v, g, beta for 2 sequences of 3 heads, wide enough apart to show a wrong index."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    q, k, v = draw(2, length, 3, 8), draw(2, length, 3, 8), draw(2, length, 3, 5)
    g, beta = -torch.rand(2, length, 3, generator=generator, dtype=torch.float64), torch.sigmoid(draw(2, length, 3))
    return [x.requires_grad_() for x in (q, k, v, g, beta)]


def check_delta_rule() -> None:
    worst = 0.0
    for length in (1, 63, 64, 65, 200):
        inputs = delta_inputs(length, length)
        weight = torch.randn(2, length, 3, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
        results = []
        for form in (delta_rule.recurrent, delta_rule.chunked):
            out = form(*inputs)
            results.append((out, *torch.autograd.grad((out * weight).sum(), inputs)))
        worst = max(worst, *((a - b).abs().max().item() for a, b in zip(*results)))
    check(worst < 1e-11, f"the delta rule in chunks equals its definition, gradients too: {worst:.1e} < 1e-11")


def check_chunk_gradients() -> None:
    """The loss is linear in the chunk's outputs and in the state it leaves, so its gradient to them is given: do and
    dstate.
    """
    generator = torch.Generator().manual_seed(4)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    size, width, height, scale = delta_rule.CHUNK, 8, 5, 8**-0.5
    q, k, w = (draw(2, 3, size, width).requires_grad_() for _ in range(3))
    values, do = draw(2, 3, size, height), draw(2, 3, size, height)
    state, dstate = draw(2, 3, width, height), draw(2, 3, width, height)
    total = (-0.05 * torch.rand(2, 3, size, generator=generator, dtype=torch.float64)).cumsum(-1).requires_grad_()
    u = values - w @ state
    u.retain_grad()
    causal = torch.ones(size, size, dtype=torch.bool).tril()
    decay = (total[..., :, None] - total[..., None, :]).masked_fill(~causal, float("-inf")).exp()
    out = scale * (total.exp()[..., None] * (q @ state) + (decay * (q @ k.transpose(-1, -2))) @ u)
    last = total[..., -1:]
    left = last.exp()[..., None] * state + ((last - total).exp()[..., None] * k).transpose(-1, -2) @ u
    ((out * do).sum() + (left * dstate).sum()).backward()
    with torch.no_grad():
        found = delta_rule.chunk_gradients(q, k, u, do, u.grad, state, dstate, total / np.log(2), scale)
    # The stand-in works in float32, as the kernel does.
    errors = [
        (a - b.double()).abs().max().item() / a.abs().max().item()
        for a, b in zip((q.grad, k.grad, w.grad, total.grad), found)
    ]
    check(max(errors) < 1e-5, f"the stand-in for the GPU kernel's gradient is right: {max(errors):.1e} < 1e-5")


class Command:
    """python -m v1 with this test's inputs; in this process, which spares importing torch each time, or in one of its
    own.
    """

    def __init__(self, teacher: pathlib.Path, data: pathlib.Path):
        self.inputs = ["--teacher", teacher, "--data", data, "--shape", "micro"]

    def __call__(self, run: pathlib.Path, stage: str, *options, status: int = 0, own_process: bool = False) -> str:
        """-> what the stage wrote into its log."""
        arguments = list(map(str, [stage, "--run", run, *self.inputs, *options]))
        log = run / "log.txt"
        before = log.stat().st_size if log.exists() else 0
        if own_process:
            command = [sys.executable, "-m", "v1", *arguments]
            found = subprocess.run(command, cwd=ROOT / "mini", timeout=900, check=False).returncode
        else:
            found = v1_main(arguments)
        if found != status:
            sys.exit(f"{stage}: status {found}, {status} expected")
        return log.read_text(encoding="utf-8")[before:]


def figures(log: str, name: str) -> list[float]:
    return [float(x) for x in re.findall(rf"{name} ([0-9.]+)", log)]


def train(v1: Command, run: pathlib.Path) -> None:
    v1(run, "answers", "--steps", 4)
    written = (run / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    check(len(written) > 0, f"the teacher (random weights) finished {len(written)} answers")
    log = v1(run, "align", "--steps", 20)
    errors = figures(log, "mean error")
    check(errors[-1] < 0.9 * errors[0], f"alignment lowers the mixers' error: {errors[0]:.3f} to {errors[-1]:.3f}")
    # The same stage twice from one checkpoint: once through, once left off in the middle.
    twin = run.with_name("twin")
    twin.mkdir()
    for name in ("answers.jsonl", "align.safetensors"):
        (twin / name).write_bytes((run / name).read_bytes())
    log = v1(run, "distil", "--steps", 12)
    kl = figures(log, "KL")
    check(kl[-1] < 0.9 * kl[0], f"distillation lowers the KL: {kl[0]:.3f} to {kl[-1]:.3f}")
    v1(twin, "distil", "--steps", 12, "--leave-off-at", 5, status=75, own_process=True)
    check((twin / "distil.part.pt").exists() and not (twin / "distil.safetensors").exists(), "a stage can be left off")
    log = v1(twin, "distil", "--steps", 12, own_process=True)
    check("goes on at step 5" in log, "the same command goes on")
    through, resumed = (load_file(folder / "distil.safetensors") for folder in (run, twin))
    check(
        all(torch.equal(through[name], resumed[name]) for name in through),
        "it ends with the same bits as one that ran through",
    )
    v1(run, "skills", "--steps", 6, "--leave-off-at", 4, status=75)
    log = v1(run, "skills", "--steps", 6)
    for name in ("pictures", "text", "draft", "KL"):
        check(
            all(map(np.isfinite, figures(log, name))) and len(figures(log, name)) >= 2, f"the last stage trains: {name}"
        )
    before, after = through, load_file(run / "skills.safetensors")
    for part in (
        "visual.patch_embed",
        "visual.merger",
        "mtp.fc",
        "linear_attn.conv1d",
        "self_attn.q_norm",
        "embed_tokens",
    ):
        names = [name for name in before if part in name]
        check(any(not torch.equal(before[name], after[name]) for name in names), f"its gradient reaches {part}")
    v1(run, "assemble")
    v1(run, "gguf")
    v1(run, "evaluate")
    report = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    check(
        all(len(report[name]["pictures"]) == 2 and len(report[name]["text"]) == 2 for name in ("as trained", "4 bits")),
        "evaluation ran",
    )


def check_four_bits(run: pathlib.Path) -> None:
    """A weight that training has rounded is what the Q4_0 file gives back."""
    w = load_file(run / "skills.safetensors")["model.language_model.layers.0.mlp.gate_proj.weight"]
    rounded = rounding.q4_0(w).numpy()
    kind = gguf.GGMLQuantizationType.Q4_0
    stored = gguf.quants.dequantize(gguf.quants.quantize(rounded, kind), kind)
    check(np.array_equal(stored, rounded), "4-bit weights pass through Q4_0 unchanged")


def student_of(folder: pathlib.Path) -> Student:
    student = Student(MICRO)
    student.load_state_dict({name: w.float() for name, w in load_file(folder / "model.safetensors").items()})
    return student


def thimble(program: pathlib.Path, *arguments) -> dict:
    command = [program, *arguments, "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return json.loads(done.stdout)


def engine_logits(program: pathlib.Path, model: pathlib.Path, *request) -> np.ndarray:
    """[positions, V]."""
    options = ["--exact", "--full", "--positions", "all"]
    positions = thimble(program, "logits", model, *request, *options)["positions"]
    return np.array([position["logits"] for position in positions], np.float32)


def engine_tokens(program: pathlib.Path, model: pathlib.Path, text: str) -> list[int]:
    line = json.dumps({"text": text, "special": True}) + "\n"
    done = subprocess.run(
        [program, "tokenize", model, "--jsonl"], input=line, capture_output=True, text=True, timeout=300, check=True
    )
    return json.loads(done.stdout)["ids"]


@torch.no_grad()
def check_engine(program: pathlib.Path, run: pathlib.Path, data: pathlib.Path) -> None:
    hf, model = run / "hf", run / "gguf" / "thimble-mini-F16.gguf"
    student, tokenizer = student_of(hf), tokens.load(run / "tokenizer.json")

    def compare(what: str, wanted: np.ndarray, *request) -> None:
        for source in (model, hf):
            found = engine_logits(program, source, *request)
            check(found.shape == wanted.shape, f"{what}, {source.name}: {len(found)} positions")
            error, largest = np.abs(found - wanted).max(), np.abs(wanted).max()
            check(
                error < LOGITS_TOLERANCE,
                f"{what}, {source.name}: logits differ by {error:.1e} < {LOGITS_TOLERANCE:.0e} (largest {largest:.1f})",
            )

    text = (turn("user", "What about the 17 red boats?") + "<|im_start|>assistant\n" + EMPTY_THINK + "The ") * 3
    ids = tokenizer.encode(text).ids
    check(engine_tokens(program, model, text) == ids, f"the engine's tokens are the tokenizer's ({len(ids)})")
    check(len(ids) > 2 * delta_rule.CHUNK, "the text is longer than two chunks of the delta rule")
    wanted = student.logits(torch.tensor([ids]))[0].numpy()
    compare("text", wanted, "--ids", ",".join(map(str, ids)))

    path = data / "pictures" / "eval_vision" / "red.png"
    cut = patches_of(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))
    given = tokenizer.encode(prompt(PLACEHOLDER + "What colour?") + EMPTY_THINK).ids
    shown, _, positions = place_pictures(given, [0] * len(given), [cut[3:5]])
    patches = to_patches(stack([cut]), "cpu", torch.float32)
    wanted = student.logits(torch.tensor([shown]), torch.from_numpy(positions)[:, None], patches)[0].numpy()
    # A GGUF does not say which sizes a model was trained on (the folder does): as large as it is.
    sizes = ["--min-pixels", 64 * 64, "--max-pixels", 256 * 256]
    compare("picture", wanted, "--prompt", "What colour?", "--image", path, *sizes)

    facts = thimble(program, "info", model)
    check(bool(facts["mtp"]) and bool(facts["vision"]), "the engine finds the draft head and the vision file")
    for name in ("Q8_0", "Q4_0", "IQ4_NL"):
        smaller = model.with_name(f"thimble-mini-{name}.gguf")
        found = engine_logits(program, smaller, "--ids", ",".join(map(str, ids[:40])))
        reference = student.logits(torch.tensor([ids[:40]]))[0].numpy()
        # Rounded weights give other logits, but of the same text: far nearer than to those of another position.
        near, far = np.abs(found - reference).mean(), np.abs(found[1:] - reference[:-1]).mean()
        check(near < 0.5 * far, f"{name}: mean difference {near:.3f}, to the next position's {far:.3f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--thimble",
        type=pathlib.Path,
        default=ROOT / "build" / "thimble",
        help="the engine's command (default: %(default)s)",
    )
    parser.add_argument(
        "--keep", type=pathlib.Path, help="work in this folder, which must not exist, and leave it there"
    )
    args = parser.parse_args()
    if not os.access(args.thimble, os.X_OK):
        sys.exit(f"{args.thimble} is not there: build it, or name it with --thimble")
    torch.set_num_threads(1)  # the matrices are tiny, and threads that wait for each other are slow on a busy machine
    os.environ["OMP_NUM_THREADS"] = "1"
    check_delta_rule()
    check_chunk_gradients()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=args.keep is None)
        teacher, data = micro_world.write(folder)
        train(Command(teacher, data), folder / "run")
        check_four_bits(folder / "run")
        check_engine(args.thimble.resolve(), folder / "run", data)
    print(f"{checked} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
