#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lets the thimble command read a picture with a tiny test model and checks its tokens against the reference's.

    try_picture.py THIMBLE FIXTURES
"""
import json
import pathlib
import subprocess
import sys


def main(thimble, fixtures):
    fixtures = pathlib.Path(fixtures)
    cases = json.loads((fixtures / "expected/vl/vision/vision_cases.json").read_text(encoding="utf-8"))
    case = next(case for case in cases if case["name"] == "one_image")
    picture = fixtures / "vision/images" / case["images"][0]
    question = next(part["text"] for part in case["conversation"][0]["content"] if part["type"] == "text")
    wanted = case["greedy"]["ids"]
    command = [thimble, "run", str(fixtures / "models/vl"), "--messages", "-", "--image", str(picture), "--temperature", "0",
               "--max-tokens", str(len(wanted)), "--ignore-eos", "--exact", "--json"]
    print(f'   $ thimble run models/vl "{question}" --image {picture.name} --temperature 0 --exact')
    done = subprocess.run(command, input=json.dumps(case["conversation"]), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"thimble failed with status {done.returncode}: {done.stderr.strip()}")
    reply = json.loads(done.stdout)
    print(f"   prompt: {len(reply['prompt_ids'])} tokens, the picture's among them; reply: {reply['ids'][:8]} ...")
    if reply["prompt_ids"] != case["ids"]:
        sys.exit("the prompt's tokens differ from the reference's")
    if reply["ids"] != wanted:
        sys.exit(f"the reply's tokens differ from the reference's: {reply['ids']} instead of {wanted}")
    print(f"   all {len(wanted)} tokens equal the reference implementation's")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
