# SPDX-License-Identifier: Apache-2.0
"""Where the system shows none of the files that tell about processor and memory: every reader does without."""
import json
import shutil
import subprocess
import unittest

import harness

TINY = "text-tied-q8_0.gguf"
EMPTY = "mount -t tmpfs none /sys && mount -t tmpfs none /proc"
# Folders that even their owner may not look into: nobody has the right to look all the same.
CLOSED = ("mount -t tmpfs -o mode=000 none /sys && mount -t tmpfs -o mode=000 none /proc && "
          "set -- setpriv --bounding-set=-all --inh-caps=-all \"$@\"")


@unittest.skipIf(harness.IS_EMULATED, "it is the emulator that would look")
@unittest.skipUnless(harness.can_mount(), "no mounts of its own here")
class Denied(harness.Case):
    def check(self, script):
        within = harness.with_mounts(script)
        run = subprocess.run([*within, *harness.COMMAND, "--self-check", "--builtin", str(self.fixture(TINY))], capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        report = json.loads(run.stdout)
        self.assertTrue(report["passed"], report)
        # Nothing is made up.
        self.assertEqual([report["memory"][key] for key in ("available_bytes", "resident_bytes", "anonymous_bytes")], [0, 0, 0])
        self.assertEqual(report["processor"]["chosen"], [])
        self.assertGreaterEqual(report["processor"]["threads"], 1)
        self.assertEqual(report["answer"]["tokens"], 8)
        child = self.start(within=within, builtin=str(self.fixture(TINY)), threads=0)
        self.assertGreaterEqual(child.find("started")["threads"], 1)
        self.assertEqual(child.find("started")["models"], 1)
        self.assertEqual(child.chat(1)[0], 200)
        for number, path in enumerate(("/health", "/thimble/v1/info", "/thimble/v1/models", "/thimble/v1/self-check"), 2):
            self.assertEqual(child.ask(number, "GET", path)[0], 200, path)
        self.assertEqual(child.end(), 0)

    def test_nothing_is_there(self):
        self.check(EMPTY)

    @unittest.skipUnless(shutil.which("setpriv"), "rights cannot be given up here")
    def test_nothing_may_be_looked_at(self):
        self.check(CLOSED)
