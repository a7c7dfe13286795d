# SPDX-License-Identifier: Apache-2.0
"""The clients of a document, run as they stand there: its fenced blocks of sh and python that name the server."""
import re
import subprocess

SHOWN = "http://127.0.0.1:17741"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(document, url, python):
    """Yields (its first words, what is wrong: "" for nothing) for every client, with `url` in place of the address."""
    for language, text in BLOCK.findall(document.read_text(encoding="utf-8")):
        if SHOWN not in text:
            continue
        program = [python, "-"] if language == "python" else ["bash", "-eu", "-o", "pipefail", "-s"]
        done = subprocess.run(program, input=text.replace(SHOWN, url), capture_output=True, text=True, timeout=60)
        wrong = ""
        if done.returncode != 0:
            wrong = f"ended with {done.returncode}: {done.stderr[-500:]}"
        elif not done.stdout.strip() or '"error"' in done.stdout:
            wrong = f"no answer: {done.stdout[:500]}"
        yield " ".join(text.split()[:4]), wrong
