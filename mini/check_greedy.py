#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the built-in model's greedy tokens under --exact against a float32 reference run over the same weights.

    check_greedy.py THIMBLE MODEL [GREEDY.json]

Tokens may part only where the reference's margin between the two best logits is below 0.01. Exit status 77 (skipped) when
MODEL is not there.
"""
import json
import os
import pathlib
import subprocess
import sys


def main(thimble, model, greedy):
    if not os.path.exists(model):
        print(f"{model} is not there: skipped")
        return 77
    cases = json.loads(pathlib.Path(greedy).read_text(encoding="utf-8"))
    faults = equal = 0
    for case in cases:
        wanted, margins = case["ids"], case["margins"]
        command = [thimble, "run", model, "--ids", ",".join(map(str, case["prompt_ids"])), "--temperature", "0", "--max-tokens",
                   str(max(len(margins), 1)), "--exact", "--json"]
        got = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["ids"]
        if got == wanted:
            equal += 1
            continue
        step = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        margin = margins[step] if step < len(margins) else 0.0
        print(f"parts at step {step} with margin {margin}: {case['prompt'][:60]!r}")
        faults += margin >= 0.01
    print(f"{equal} of {len(cases)} prompts equal to the last token, {faults} part where they may not")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    default = pathlib.Path(__file__).resolve().parents[1] / "tests/data/mini/greedy_v0.json"
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) == 4 else default))
