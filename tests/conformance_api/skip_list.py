# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest: leaves out the tests of the list that THIMBLE_SKIPS names.

A line: a pattern of the test's id, blanks, "#", the reason. `*` stands for anything, brackets for themselves.
"""
import fnmatch
import os

import pytest


def read(path):
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    rules = [tuple(part.strip() for part in line.split(" # ", 1)) for line in lines if line and line[0] != "#"]
    without = [rule[0] for rule in rules if len(rule) < 2 or not rule[1]]
    if without:
        raise pytest.UsageError(f"{path}: no reason for {without[0]}")
    return rules


def pytest_collection_modifyitems(config, items):
    path = os.environ["THIMBLE_SKIPS"]
    del config
    for pattern, reason in read(path):
        escaped = pattern.replace("[", "[[]")
        found = [item for item in items if fnmatch.fnmatchcase(item.nodeid, escaped)]
        if not found:
            raise pytest.UsageError(f"{path}: there is no test {pattern}")
        for item in found:
            item.add_marker(pytest.mark.skip(reason=reason))
