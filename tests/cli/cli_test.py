#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drives the thimble command as scripts and people do.

    cli_test.py THIMBLE FIXTURES [NAME...]     NAME: test_chat, test_run.Run, test_run.Run.test_positionals; default: all
"""
import os
import pathlib
import sys
import tempfile
import unittest

if len(sys.argv) < 3:
    sys.exit(__doc__)
# The harness, which every test module imports, finds them here.
os.environ["THIMBLE_UNDER_TEST"] = os.path.abspath(sys.argv[1])
os.environ["THIMBLE_FIXTURES"] = os.path.abspath(sys.argv[2])
# What the command remembers between calls stays out of the user's own caches; goes with this process.
CACHES = tempfile.TemporaryDirectory()
os.environ["XDG_CACHE_HOME"] = CACHES.name
# So do the chats that it keeps: never in the user's own store.
os.environ.pop("THIMBLE_HOME", None)
os.environ["XDG_DATA_HOME"] = CACHES.name + "/data"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
NAMES = sys.argv[3:] or sorted(path.stem for path in HERE.glob("test_*.py"))
unittest.main(module=None, argv=[sys.argv[0], *NAMES], verbosity=1)
