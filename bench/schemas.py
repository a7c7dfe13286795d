#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many JSON schemas of a folder are enforced, what refuses the others, and how long it takes.

usage: schemas.py build/tests/test_grammar FOLDER [--top 12]

Every *.json of the folder and of those in it is taken for a schema. The masks are those of the published vocabulary
(build/fixtures/tokenizer); replies are drawn at random among the tokens that they allow.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import tempfile


def lines_of(folder):
    for file in sorted(pathlib.Path(folder).rglob("*.json")):
        try:
            schema = json.loads(file.read_bytes().decode("utf-8-sig"))
        except ValueError:
            continue
        if isinstance(schema, dict):
            yield json.dumps(schema, separators=(",", ":"), ensure_ascii=False)


def reason_of(message):
    """The keyword or the limit that a refusal names, without the place."""
    words = re.sub(r"^\[\w+\] ", "", message)
    place = re.search(r"#/\S*", words)
    keyword = place.group(0).rstrip(":,").split("/")[-1] if place else ""
    rule = re.sub(r"#\S*|\d[\d,]*", "", words)
    rule = re.sub(r"\s+", " ", rule).strip()
    return f"{keyword}: {rule}" if keyword and not keyword.isdigit() and "not enforced" in rule else rule


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folder")
    parser.add_argument("--top", type=int, default=12)
    options = parser.parse_args()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        lines = list(lines_of(options.folder))
        file.write("".join(line + "\n" for line in lines))
        file.flush()
        done = subprocess.run([options.program, "--gtest_filter=TokenMasker.TimesOfSchemasFromAFile"], check=True,
                              env={**os.environ, "THIMBLE_SCHEMAS": file.name}, stdout=subprocess.PIPE, text=True)
    refused = re.findall(r"^refused in [\d.]+ ms: (.*)$", done.stdout, re.M)
    for line in re.findall(r"^(?:\d+ schemas, .*|(?:schemas|refusals|masks): .*)$", done.stdout, re.M):
        print(line)
    for reason, count in collections.Counter(map(reason_of, refused)).most_common(options.top):
        print(f"{count:5} {reason[:140]}")


main()
