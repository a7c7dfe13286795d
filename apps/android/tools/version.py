#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the app's version code and name, of the version in CMakeLists.txt: `5000 0.5.0`. version.py CMakeLists.txt

The code grows with the version, which is what Android asks for before it installs one app over another: 0.5.0 is 5000."""
import pathlib
import re
import sys


def version_of(text):
    found = re.search(r"project\(\s*thimble\s+VERSION\s+(\d+)\.(\d+)\.(\d+)", text)
    if not found:
        raise SystemExit("CMakeLists.txt: no project(thimble VERSION a.b.c)")
    major, minor, patch = map(int, found.groups())
    if minor > 999 or patch > 999 or major > 2000:
        raise SystemExit(f"version {major}.{minor}.{patch}: a part is too large for a version code")
    return major * 1_000_000 + minor * 1000 + patch, f"{major}.{minor}.{patch}"


if __name__ == "__main__":
    print(*version_of(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")))
