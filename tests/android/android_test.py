#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Talks to the app's native program as the app does.

    android_test.py FIXTURES NAME [EMULATOR...] PROGRAM     NAME: test_program, test_program.Lines.test_stop
"""
import json
import os
import pathlib
import sys
import unittest

if len(sys.argv) < 4:
    sys.exit(__doc__)
# The harness, which every test module imports, finds them here.
os.environ["THIMBLE_FIXTURES"] = os.path.abspath(sys.argv[1])
os.environ["THIMBLE_ANDROID_COMMAND"] = json.dumps([*sys.argv[3:-1], os.path.abspath(sys.argv[-1])])
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
unittest.main(module=None, argv=[sys.argv[0], sys.argv[2]], verbosity=1)
