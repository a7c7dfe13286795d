#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Talks to the TCP carrier in bytes, as programs, browsers and attackers do.

    server_test.py CARRIER_SERVER [NAME...]     NAME: test_limits, test_gate.Hosts.test_names; default: all
"""
import os
import pathlib
import sys
import unittest

if len(sys.argv) < 2:
    sys.exit(__doc__)
# The harness, which every test module imports, finds it here.
os.environ["THIMBLE_CARRIER_SERVER"] = os.path.abspath(sys.argv[1])
os.environ.setdefault("THIMBLE_FIXTURES", str(pathlib.Path(sys.argv[1]).resolve().parent.parent / "fixtures"))
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
NAMES = sys.argv[2:] or sorted(path.stem for path in HERE.glob("test_*.py"))
unittest.main(module=None, argv=[sys.argv[0], *NAMES], verbosity=1)
