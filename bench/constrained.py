#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replies held to a schema against free ones of the same length: tokens a second, in pairs, in turns.

    constrained.py THIMBLE MODEL [--repeat 11] [--tokens 128]

Two schemas: a list of objects, of which a good part is forced; and one long text, of which nothing is.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

PEOPLE = {"type": "array", "minItems": 100, "items": {
    "type": "object", "required": ["name", "age", "kind"], "additionalProperties": False,
    "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer", "minimum": 0, "maximum": 150},
                   "kind": {"enum": ["small", "large", "neither of both"]}}}}
TEXT = {"type": "string", "minLength": 2000}


def speed(options, *more):
    command = [options.thimble, "run", options.model, "List people", "-n", str(options.tokens), "--seed", "3", "--think", "off",
               "--context", "2048", "--json", *more]
    stats = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["stats"]
    return stats["tokens"] / stats["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("thimble")
    parser.add_argument("model")
    parser.add_argument("--repeat", type=int, default=11)
    parser.add_argument("--tokens", type=int, default=128)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, schema in (("objects", PEOPLE), ("text", TEXT)):
            file = pathlib.Path(folder) / f"{name}.json"
            file.write_text(json.dumps(schema), encoding="utf-8")
            pairs = [(speed(options, "--ignore-eos"), speed(options, "--schema", str(file))) for _ in range(options.repeat)]
            free, held = (statistics.median(side) for side in zip(*pairs))
            share = statistics.median(held / free for free, held in pairs)
            print(f"{name}: free {free:.1f} tokens/s, held to the schema {held:.1f}, pair by pair {share:.2f} times")


main()
