#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Validates replies written under masks with a validator that is not ours (python3-jsonschema):

    THIMBLE_SCHEMA_REPLIES=replies.jsonl build/tests/test_grammar --gtest_filter='*EveryKeyword*'
    tools/check_schema_replies.py replies.jsonl
"""
import json
import sys

import jsonschema


def main(path):
    checked = invalid = 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            validator = jsonschema.Draft202012Validator(case["schema"], format_checker=jsonschema.draft202012_format_checker)
            fault = next(validator.iter_errors(json.loads(case["reply"])), None)
            checked += 1
            if fault is not None:
                invalid += 1
                print(f"{fault.message[:200]}\n  {json.dumps(case['schema'])[:400]}\n  {case['reply'][:200]!r}")
    print(f"{checked} replies, {invalid} of them not valid")
    return 1 if invalid or not checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
